import Foundation
import RabbitMQ

/// Publishes messages of the size that the stages publish to a quorum queue of its own, and prints how many the broker
/// confirmed per second: what the pipeline's own publishing is compared with.
@main
struct Main {
    static func main() async throws {
        let environment = ProcessInfo.processInfo.environment
        guard let count = CommandLine.arguments.dropFirst().first.flatMap(Int.init), count > 0,
            let port = environment["ENTRA_BACKUP_BROKER_PORT"].flatMap(UInt16.init),
            let user = environment["ENTRA_BACKUP_BROKER_USER"],
            let file = environment["ENTRA_BACKUP_BROKER_PASSWORD_FILE"]
        else {
            FileHandle.standardError.write(Data("usage: broker-rate COUNT, with the variables of `stack env`\n".utf8))
            exit(2)
        }
        let password = try String(contentsOfFile: file, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        let connection = try await RabbitMQConnection.connect(
            RabbitMQConfiguration(
                host: environment["ENTRA_BACKUP_BROKER_HOST"] ?? "127.0.0.1", port: port,
                virtualHost: environment["ENTRA_BACKUP_BROKER_VIRTUAL_HOST"] ?? "/", user: user,
                password: RabbitMQPassword(password)))
        let queue = "broker-rate"
        _ = try await connection.declareQueue(QueueDeclaration(queue, kind: .quorum))
        let body = [UInt8](repeating: UInt8(ascii: "x"), count: 250)
        let messages = (0..<count).map { OutgoingMessage(routingKey: queue, messageID: String($0), body: body) }
        let clock = ContinuousClock()
        let began = clock.now
        let outcomes = try await connection.publish(messages)
        let seconds = (clock.now - began) / .seconds(1)
        _ = try await connection.deleteQueue(queue)
        await connection.close()
        guard outcomes.allSatisfy(\.isConfirmed) else {
            FileHandle.standardError.write(Data("not all messages were confirmed\n".utf8))
            exit(1)
        }
        print("\(Int(Double(count) / seconds)) messages/s")
    }
}
