-- Settings profiles. OR REPLACE, here and in the files below: at an upgrade, what is written here takes effect.
-- The files run in this order: ClickHouse treats a replaced profile or user as a new one, so statements that name it
-- come later.
-- A reader may change only the settings marked CHANGEABLE_IN_READONLY, within their bounds: a free choice of settings
-- (readonly = 2) would also apply inside the views. A server needs `settings_constraints_replace_previous` for that word.
-- The two query_plan settings keep a reader's WHERE outside of the views. Inside a view of rows (fraud, privacy), a condition such as
-- `throwIf(pages = 7)` would be evaluated on rows that the view leaves out, and its error would reveal them.
-- On a cluster, `global` reads the table behind IN and JOIN once and brings it to each shard; without it such a query is refused. A serialized
-- plan would read a shard's rows without its row policies, and a pushed predicate would bring a reader's WHERE to the rows of a shard.
-- Without a shard there is an error and never the numbers of the others, also where a server's own default is to skip one.
-- LZ4: connectorx and the clients for Java cannot read ZSTD, which newer versions choose by themselves.
-- Grafana asks for 64 seconds: what is left of its own 60, and five more.
-- The last settings are sent by clients without being asked to, or by recipes of their manuals. They change the form of the
-- answer (blocks, progress, extremes, JSON in binary formats, a result cut at its end), and no number in it. clickhouse-connect
-- sends a setting as soon as it may: each bound must admit its value, or all its queries fail (tests/drivers).

CREATE SETTINGS PROFILE OR REPLACE pixel_reader SETTINGS
    readonly = 1,
    allow_introspection_functions = 0,
    query_plan_filter_push_down = 0,
    query_plan_merge_filters = 0,
    distributed_product_mode = 'global',
    prefer_global_in_and_join = 1,
    skip_unavailable_shards = 0,
    serialize_query_plan = 0,
    allow_push_predicate_ast_for_distributed_subqueries = 0,
    max_memory_usage_for_user = 1000000000,
    max_concurrent_queries_for_user = 8,
    network_compression_method = 'LZ4',
    max_memory_usage = 1000000000 MIN 1 MAX 1000000000 CHANGEABLE_IN_READONLY,
    max_execution_time = 60 MIN 1 MAX 90 CHANGEABLE_IN_READONLY,
    max_result_rows = 1000000 MIN 1 MAX 1000000 CHANGEABLE_IN_READONLY,
    max_threads = 2 MIN 1 MAX 2 CHANGEABLE_IN_READONLY,
    enable_http_compression = 0 MIN 0 MAX 1 CHANGEABLE_IN_READONLY,
    output_format_json_quote_64bit_integers = 0 MIN 0 MAX 1 CHANGEABLE_IN_READONLY,
    max_block_size = 65409 MIN 1 MAX 1048576 CHANGEABLE_IN_READONLY,
    send_progress_in_http_headers = 0 MIN 0 MAX 1 CHANGEABLE_IN_READONLY,
    http_headers_progress_interval_ms = 100 MIN 100 MAX 3600000 CHANGEABLE_IN_READONLY,
    cancel_http_readonly_queries_on_client_close = 0 MIN 0 MAX 1 CHANGEABLE_IN_READONLY,
    extremes = 0 MIN 0 MAX 1 CHANGEABLE_IN_READONLY,
    output_format_binary_write_json_as_string = 0 MIN 0 MAX 1 CHANGEABLE_IN_READONLY,
    output_format_native_write_json_as_string = 0 MIN 0 MAX 1 CHANGEABLE_IN_READONLY,
    result_overflow_mode = 'throw' CHANGEABLE_IN_READONLY;

CREATE SETTINGS PROFILE OR REPLACE pixel_service SETTINGS
    allow_introspection_functions = 0,
    distributed_product_mode = 'global',
    prefer_global_in_and_join = 1,
    skip_unavailable_shards = 0,
    serialize_query_plan = 0,
    allow_push_predicate_ast_for_distributed_subqueries = 0;
