/// The node's files, environment and arguments.
struct RabbitMQConfiguration {
    let layout: LocalStackLayout
    let ports: PortBook
    /// Where RabbitMQ is installed.
    let home: String

    var epmdPort: UInt16 { ports.port("rabbitmq-epmd") }
    private var distributionPort: UInt16 { ports.port("rabbitmq-distribution") }
    private var file: String { layout.config + "/rabbitmq.config" }
    private var definitions: String { layout.secrets + "/rabbitmq-definitions.json" }
    private var plugins: String { layout.config + "/rabbitmq-plugins" }

    static func mark(_ layout: LocalStackLayout) -> String { layout.rabbitmq + "/mark" }

    /// Writes what a start needs; everything but the secrets is made anew.
    func write(_ account: StackAccount) throws {
        let cookie = try Secrets.ensure(layout.cookieFile, account)
        let password = try Secrets.ensure(layout.rabbitmqPasswordFile, account)
        for directory in ["", "/home", "/mnesia", "/log"] {
            try Files.makeDirectory(layout.rabbitmq + directory, account)
        }
        if !Files.exists(Self.mark(layout)) {
            try Files.write(layout.rabbitmq + "\n", to: Self.mark(layout), mode: 0o644, account)
        }
        try Files.write(cookie, to: layout.rabbitmq + "/home/.erlang.cookie", mode: 0o600, account)
        try Files.write(definitionsText(password), to: definitions, mode: 0o600, account)
        try Files.write("[].\n", to: plugins, mode: 0o644, account)
        try Files.write(text, to: file, mode: 0o644, account)
    }

    var environment: [String: String] {
        [
            "HOME": layout.rabbitmq + "/home",
            "ERL_LIBS": home + "/plugins",
            "ERL_EPMD_PORT": String(epmdPort),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            // A dump would hold the node's memory, passwords too.
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_HOME": home,
            "RABBITMQ_NODENAME": Self.node,
            "RABBITMQ_CONF_ENV_FILE": layout.config + "/rabbitmq-env.conf",
            "RABBITMQ_CONFIG_FILE": file,
            "RABBITMQ_MNESIA_BASE": layout.rabbitmq + "/mnesia",
            "RABBITMQ_LOG_BASE": layout.rabbitmq + "/log",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_ENABLED_PLUGINS_FILE": plugins,
            "RABBITMQ_PID_FILE": layout.run + "/rabbitmq.pid",
            "RABBITMQ_DIST_PORT": String(distributionPort),
        ]
    }

    static let node = "rabbit@localhost"

    /// As the packaged script gives them, and: the name at once, which spares the node a second Erlang machine that
    /// would start an epmd; distribution on loopback; schedulers that sleep instead of spinning.
    var arguments: [String] {
        [
            "-sname", Self.node, "-start_epmd", "false",
            "-noinput", "-s", "rabbit", "boot", "-boot", "start_sasl",
            "+W", "w", "+MBas", "ageffcbf", "+MHas", "ageffcbf", "+MBlmbcs", "512", "+MHlmbcs", "512", "+MMmcs", "30",
            "+sbwt", "none", "+sbwtdcpu", "none", "+sbwtdio", "none",
            "-syslog", "logger", "[]", "-syslog", "syslog_error_logger", "false",
            "-kernel", "prevent_overlapping_partitions", "false",
            "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
            "-kernel", "inet_dist_listen_min", String(distributionPort),
            "-kernel", "inet_dist_listen_max", String(distributionPort),
        ]
    }

    /// In Erlang's own format, which the node reads without converting it first.
    private var text: String {
        """
        %% Written at each start.
        [{rabbit, [
            {tcp_listeners, [{"127.0.0.1", \(ports.port("rabbitmq"))}]},
            {load_definitions, \(quoted(definitions))},
            {consumer_timeout, 1800000},
            {disk_free_limit, 50000000}
         ]},
         {ra, [{wal_max_size_bytes, 67108864}]}
        ].

        """
    }

    private func definitionsText(_ password: String) -> String {
        """
        {"users": [{"name": "\(RabbitMQServer.user)", "password": "\(password)",
                    "tags": "administrator", "limits": {}}],
         "vhosts": [{"name": "\(RabbitMQServer.virtualHost)"}],
         "permissions": [{"user": "\(RabbitMQServer.user)", "vhost": "\(RabbitMQServer.virtualHost)",
                          "configure": ".*", "write": ".*", "read": ".*"}]}

        """
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] } + "\""
    }
}
