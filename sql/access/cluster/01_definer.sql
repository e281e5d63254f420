-- The profile of pixel_viewer on a cluster. The queries of the home reach a shard as this user, with the settings of who asked.
-- Bounds as those of a reader would replace "none" by their least value. A reader's limit on the rows of an answer is for the answer of a
-- view, and not for the rows that a shard sends for it.

CREATE SETTINGS PROFILE OR REPLACE pixel_definer SETTINGS
    allow_introspection_functions = 0,
    distributed_product_mode = 'global',
    prefer_global_in_and_join = 1,
    skip_unavailable_shards = 0,
    serialize_query_plan = 0,
    allow_push_predicate_ast_for_distributed_subqueries = 0,
    max_result_rows = 0 CONST;
