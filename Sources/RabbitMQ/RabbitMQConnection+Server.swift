import CRabbitMQ

extension RabbitMQConnection {
    /// The broker's version as it told it at the login: `3.10.8`; nil when it told none or the connection is closed.
    public var serverVersion: String? {
        guard let handle, let table = amqp_get_server_properties(handle)?.pointee,
            case .string(let version)? = FieldValue.fields(table)["version"]
        else { return nil }
        return version
    }
}
