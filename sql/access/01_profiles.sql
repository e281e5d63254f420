-- Settings profiles. OR REPLACE, here and in the files below: at an upgrade, what is written here takes effect.
-- The files run in this order: ClickHouse treats a replaced profile or user as a new one, so statements that name it
-- come later.
-- A reader may change only the settings marked CHANGEABLE_IN_READONLY, within their bounds: a free choice of settings
-- (readonly = 2) would also apply inside the views. A server needs `settings_constraints_replace_previous` for that word.
-- The two query_plan settings keep a reader's WHERE outside of the views. Inside a view, `throwIf(page = '...')` would be
-- evaluated on cells that the view suppresses, and its error would reveal them.

CREATE SETTINGS PROFILE OR REPLACE pixel_reader SETTINGS
    readonly = 1,
    allow_introspection_functions = 0,
    query_plan_filter_push_down = 0,
    query_plan_merge_filters = 0,
    max_memory_usage_for_user = 1000000000,
    max_concurrent_queries_for_user = 8,
    max_memory_usage = 1000000000 MIN 1 MAX 1000000000 CHANGEABLE_IN_READONLY,
    max_execution_time = 60 MIN 1 MAX 60 CHANGEABLE_IN_READONLY,
    max_result_rows = 1000000 MIN 1 MAX 1000000 CHANGEABLE_IN_READONLY,
    max_threads = 2 MIN 1 MAX 2 CHANGEABLE_IN_READONLY,
    enable_http_compression = 0 MIN 0 MAX 1 CHANGEABLE_IN_READONLY,
    output_format_json_quote_64bit_integers = 0 MIN 0 MAX 1 CHANGEABLE_IN_READONLY;

CREATE SETTINGS PROFILE OR REPLACE pixel_service SETTINGS
    allow_introspection_functions = 0;
