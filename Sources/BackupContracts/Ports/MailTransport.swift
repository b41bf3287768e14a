public import Foundation

/// A finished message on its way out.
public struct OutgoingMail: Sendable, Hashable {
    /// The same for the same message, however often it is handed over.
    public var id: UUID
    /// As RFC 5322 writes it.
    public var message: String

    /// `id` is that of the row in the database, so that a message sent again is known as the same.
    public init(id: UUID, message: String) {
        self.id = id
        self.message = message
    }
}

/// Where mail leaves the system.
///
/// Laws. When `send` has returned, the message survives a crash of the process and of the machine. Handed over a second
/// time under the same id it is the same message, not another. Nobody ever sees half of one.
public protocol MailTransport: Sendable {
    /// Takes the message; throws ``FailureCode/mailNotHandedOver`` where that is not sure, to be asked again.
    func send(_ mail: OutgoingMail) async throws(StageFailure)
}
