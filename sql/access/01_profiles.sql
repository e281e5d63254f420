-- Settings profiles. A reader may set other settings (readonly = 2) but never above these bounds.

CREATE SETTINGS PROFILE IF NOT EXISTS pixel_reader SETTINGS
    readonly = 2 CONST,
    allow_ddl = 0 CONST,
    allow_introspection_functions = 0 CONST,
    max_execution_time = 60 MIN 1 MAX 60,
    max_memory_usage = 1000000000 MIN 1 MAX 1000000000,
    max_memory_usage_for_user = 1000000000 CONST,
    max_result_rows = 1000000 MIN 1 MAX 1000000,
    max_threads = 2 MIN 1 MAX 2,
    max_concurrent_queries_for_user = 8 CONST,
    max_sessions_for_user = 8 CONST,
    log_comment = '' CONST;

CREATE SETTINGS PROFILE IF NOT EXISTS pixel_service SETTINGS
    allow_introspection_functions = 0 CONST;
