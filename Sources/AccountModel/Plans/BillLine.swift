public import Foundation

/// What an organization has used in a month, and on which terms: a line of a partner's bill.
public struct BillLine: Sendable, Hashable {
    /// The customer; a bill keeps the id of one that was erased.
    public var organization: UUID
    /// `nil` for an organization that is gone, or is another partner's by now.
    public var name: String?
    /// Whose customer it was; one that was transferred in the month has a line at each.
    public var partner: UUID
    /// As it is called now; `nil` for one that is not there, or not to be seen.
    public var partnerName: String?
    /// The plan that the month ended with.
    public var plan: UUID
    /// As it was called when the month ended; `nil`, as what follows of the plan, for one that was gone before terms kept
    /// it.
    public var planName: String?
    /// Of the plan as the month ended, whatever became of it since.
    public var product: ProductType?
    /// Of the plan as the month ended; ISO 4217.
    public var currency: String?
    /// Of the plan as the month ended.
    public var periodicity: Periodicity?
    /// The terms that the month ended with.
    public var state: SubscriptionState
    /// Whether it was on trial when the month ended: then it is not billed.
    public var isNFR: Bool
    /// When the month ended; `nil` where none were agreed on.
    public var seatsBought: Int32?
    /// The most users that were protected at any one time of the month.
    public var peakUsers: Int64
    /// The users that are protected now, or were at the month's end.
    public var currentUsers: Int64

    /// All fields as given.
    public init(
        organization: UUID, name: String?, partner: UUID, partnerName: String?, plan: UUID, planName: String?,
        product: ProductType?, currency: String?, periodicity: Periodicity?, state: SubscriptionState, isNFR: Bool,
        seatsBought: Int32?, peakUsers: Int64, currentUsers: Int64
    ) {
        self.organization = organization
        self.name = name
        self.partner = partner
        self.partnerName = partnerName
        self.plan = plan
        self.planName = planName
        self.product = product
        self.currency = currency
        self.periodicity = periodicity
        self.state = state
        self.isNFR = isNFR
        self.seatsBought = seatsBought
        self.peakUsers = peakUsers
        self.currentUsers = currentUsers
    }

    /// Each protected user takes a seat.
    public var seatsUsed: Int64 { currentUsers }

    /// Seats that the month's peak took beyond those that were bought; `nil` where none were agreed on.
    public var seatsShort: Int64? { seatsBought.map { max(0, peakUsers - Int64($0)) } }
}
