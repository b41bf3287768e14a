import BackupContracts

/// Scheme, host and port of a service, checked and in one spelling.
struct ServiceURL: Sendable, Hashable {
    /// `https://host`, or with a port that is not the scheme's own.
    let text: String

    /// `nil` unless it is https, or http of a loopback address, with nothing behind the host.
    init?(_ text: String) {
        guard let (origin, rest) = Self.split(text), rest.isEmpty || rest == "/" else { return nil }
        self.text = origin
    }

    /// Path and query of an absolute URL of this very service, ready to send; `nil` for any other.
    ///
    /// What is sent is made of our own origin and this rest, so that no second reading of the link by another parser
    /// can lead elsewhere.
    func rest(of absolute: String) -> String? {
        guard let (origin, rest) = Self.split(absolute), origin == text, rest.hasPrefix("/") else { return nil }
        return Self.encoded(rest)
    }

    private static func split(_ url: String) -> (origin: String, rest: Substring)? {
        guard let mark = url.firstRange(of: "://") else { return nil }
        let scheme = url[..<mark.lowerBound].lowercased()
        let tail = url[mark.upperBound...]
        let authority = tail.prefix { !"/?#\\".contains($0) }
        guard scheme == "https" || scheme == "http", let (host, port) = hostAndPort(authority.lowercased()) else {
            return nil
        }
        if scheme == "http", !isLoopback(host) { return nil }
        let isDefault = port == nil || port == (scheme == "https" ? 443 : 80)
        let origin = isDefault ? "\(scheme)://\(host)" : "\(scheme)://\(host):\(port ?? 0)"
        return (origin, tail.dropFirst(authority.count))
    }

    private static func hostAndPort(_ authority: String) -> (host: String, port: Int?)? {
        let hostEnd: String.Index
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            hostEnd = authority.index(after: close)
        } else {
            hostEnd = authority.firstIndex(of: ":") ?? authority.endIndex
        }
        let host = String(authority[..<hostEnd])
        let isHost = host.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E
                || (host.hasPrefix("[") && (byte == 0x3A || byte == 0x5B || byte == 0x5D))
        }
        guard !host.isEmpty, isHost else { return nil }
        if hostEnd == authority.endIndex { return (host, nil) }
        guard authority[hostEnd] == ":", let port = UInt16(authority[authority.index(after: hostEnd)...]) else {
            return nil
        }
        return (host, Int(port))
    }

    private static func isLoopback(_ host: String) -> Bool {
        if host == "localhost" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return parts.count == 4 && parts[0] == 127 && parts.allSatisfy { $0 != nil }
    }

    /// Percent-encodes what may not stand in a path or query; what is encoded already stays.
    static func encoded(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for (index, byte) in bytes.enumerated() {
            let isEscape = byte == 0x25 && index + 2 < bytes.count && isHex(bytes[index + 1]) && isHex(bytes[index + 2])
            if isEscape || isAllowed(byte) {
                result.append(byte)
            } else {
                result += [0x25, hexDigits[Int(byte >> 4)], hexDigits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)
    private static let allowedSigns = Set("-._~:/?@!$&'()*+,;=".utf8)

    private static func isHex(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte & 0xDF)
    }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) && byte < 0x7B && byte > 0x40
            || allowedSigns.contains(byte)
    }
}

/// Where one connection's requests go; see <https://learn.microsoft.com/graph/deployments>.
struct GraphEndpoints: Sendable {
    let graph: ServiceURL
    let authority: ServiceURL
    /// What the token is asked for: the cloud's own Graph, also when requests go through another address.
    let scope: String

    init(_ connection: DirectoryConnection) throws(StageFailure) {
        let (authority, graph) = Self.hosts(connection.cloud)
        self.graph = try Self.service(connection.graphURL ?? graph, "Graph")
        self.authority = try Self.service(connection.authorityURL ?? authority, "authority")
        scope = "\(graph)/.default"
    }

    static func hosts(_ cloud: Cloud) -> (authority: String, graph: String) {
        switch cloud {
        case .global: ("https://login.microsoftonline.com", "https://graph.microsoft.com")
        case .usGov: ("https://login.microsoftonline.us", "https://graph.microsoft.us")
        case .usGovDoD: ("https://login.microsoftonline.us", "https://dod-graph.microsoft.us")
        case .china: ("https://login.partner.microsoftonline.cn", "https://microsoftgraph.chinacloudapi.cn")
        }
    }

    private static func service(_ text: String, _ name: String) throws(StageFailure) -> ServiceURL {
        guard let url = ServiceURL(text) else {
            throw StageFailure(
                .tenantUnknown,
                "The \(name) URL of the tenant must be https://HOST, or http:// of a loopback address, without a path.")
        }
        return url
    }

    /// Version, and path and query behind it, of what a request asks for; absolute links must be of this Graph.
    func resolve(_ request: DirectoryRequest) throws(StageFailure) -> (version: String, path: String) {
        guard !request.target.hasPrefix("/") else { return (request.version, ServiceURL.encoded(request.target)) }
        guard let rest = graph.rest(of: request.target) else {
            throw StageFailure(
                .nextLinkForeign,
                "A link does not begin with \(graph.text)/; it was not followed and no token was sent.")
        }
        let version = rest.dropFirst().prefix { $0 != "/" }
        return (String(version), String(rest.dropFirst(version.count + 1)))
    }

    /// A request for messages: method and path without query, ids of unknown form left out.
    static func label(_ method: String, _ version: String, _ path: String) -> String {
        let parts = path.prefix { $0 != "?" }.split(separator: "/").map { part in
            let name = part.prefix { $0 != "(" }
            let isName = name.first?.isLowercase == true || name.first == "$"
            let isPlain =
                name.utf8.allSatisfy { $0 < 0x80 && $0 != 0x25 }
                && name.allSatisfy { $0.isLetter || $0.isNumber || $0 == "$" || $0 == "." }
            let isCast = name.hasPrefix("microsoft.graph.")
            if isName, isPlain, isCast || !name.contains(".") { return String(name) }
            return isGUID(part) ? String(part) : "{id}"
        }
        return "\(method) /\(version)/\(parts.joined(separator: "/"))"
    }

    private static func isGUID(_ text: Substring) -> Bool {
        text.utf8.count == 36 && text.allSatisfy { $0.isHexDigit || $0 == "-" }
    }
}
