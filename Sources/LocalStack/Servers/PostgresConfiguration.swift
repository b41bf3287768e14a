/// The server's settings for one small machine.
struct PostgresConfiguration {
    let layout: LocalStackLayout
    let port: UInt16

    /// Where the socket lies; nil when the path is longer than the kernel takes (108 bytes, unix(7)).
    static func socketDirectory(_ layout: LocalStackLayout) -> String? {
        (layout.socketDirectory + "/.s.PGSQL.65535.lock").utf8.count < 108 ? layout.socketDirectory : nil
    }

    static let access = """
        # Written at each start.
        local all all scram-sha-256
        host all all 127.0.0.1/32 scram-sha-256
        local replication all scram-sha-256
        host replication all 127.0.0.1/32 scram-sha-256

        """

    var main: String {
        """
        # Written at each start. Put your own settings into postgresql.local.conf in this directory.
        data_directory = \(quoted(layout.postgres))
        hba_file = \(quoted(layout.config + "/pg_hba.conf"))
        ident_file = '/dev/null'
        listen_addresses = '127.0.0.1'
        port = \(port)
        unix_socket_directories = \(quoted(Self.socketDirectory(layout) ?? ""))
        unix_socket_permissions = 0700
        max_connections = 200
        # Tables grow from nothing to millions of rows in a first backup: plans need statistics soon after.
        autovacuum_naptime = 10s
        password_encryption = 'scram-sha-256'

        shared_buffers = 256MB
        effective_cache_size = 1GB
        work_mem = 16MB
        maintenance_work_mem = 128MB
        random_page_cost = 1.1
        jit = off

        # A client that was stopped within its transaction must not hold its locks for ever.
        idle_in_transaction_session_timeout = 5min

        # What was committed is on the disk.
        fsync = on
        synchronous_commit = on
        full_page_writes = on
        wal_level = replica
        wal_compression = on
        wal_buffers = 16MB
        min_wal_size = 128MB
        max_wal_size = 2GB
        checkpoint_timeout = 15min
        checkpoint_completion_target = 0.9

        # The log names errors, never statements, parameters or values.
        logging_collector = off
        log_line_prefix = '%m [%p] %q%u@%d '
        log_error_verbosity = terse
        log_min_error_statement = panic
        log_parameter_max_length = 0
        log_parameter_max_length_on_error = 0
        log_checkpoints = on
        log_autovacuum_min_duration = 10s
        timezone = 'UTC'
        log_timezone = 'UTC'
        lc_messages = 'C'
        include_if_exists = 'postgresql.local.conf'

        """
    }

    private func quoted(_ text: String) -> String {
        let inside = text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
        let escaped = inside.split(separator: "\\", omittingEmptySubsequences: false).joined(separator: "\\\\")
        return "'\(escaped)'"
    }
}
