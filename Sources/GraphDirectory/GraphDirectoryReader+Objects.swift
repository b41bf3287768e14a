public import BackupContracts
public import BackupModel

extension GraphDirectoryReader: ObjectReader {
    /// See ``ObjectReader``. What is not there is left out, any other failure ends all. A type without paths to single
    /// objects is listed, and the wanted ones are picked.
    public func documents(
        _ type: ObjectType, _ ids: [String], parts: Set<String>?, _ connection: DirectoryConnection
    ) async throws(StageFailure) -> [String: ObjectDocument] {
        guard !ids.isEmpty else { return [:] }
        let granted = try await permissions(connection)
        guard type.objectTarget("", granted: granted) != nil else { return try await pick(type, ids, connection) }
        let names = try await extensions.names(for: type, self, connection)
        let reading = ObjectReading(type: type, parts: parts, granted: granted)
        let targets = ids.compactMap { type.objectTarget($0, granted: granted, extensions: names) }
        let answers = try await readBatch(targets.map { DirectoryRequest($0, of: type) }, connection).answers
        var found: [String: ObjectDocument] = [:]
        for (id, answer) in zip(ids, answers) {
            switch answer {
            case .success(let body): found[id] = try reading.document(body)
            case .notFound: break
            case .failure(let failure): throw failure
            }
        }
        for relationship in reading.apart { try await readPart(relationship, reading, connection, &found) }
        return found
    }

    /// Graph has no path to one such object: the list is read, and the wanted ones are picked.
    private func pick(
        _ type: ObjectType, _ ids: [String], _ connection: DirectoryConnection
    ) async throws(StageFailure) -> [String: ObjectDocument] {
        let wanted = Dictionary(ids.map { ($0.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
        var found: [String: ObjectDocument] = [:]
        try await list(type, connection) { document in
            if let id = wanted[document.id.lowercased()] { found[id] = document }
        }
        return found
    }

    /// See ``ObjectReader``. Where one of the keys cannot be asked for, the whole type is listed.
    public func find(
        _ type: ObjectType, _ keys: [[String: JSONValue]], _ connection: DirectoryConnection,
        _ body: (ObjectDocument) -> Void
    ) async throws(StageFailure) {
        let granted = try await permissions(connection)
        let names = try await extensions.names(for: type, self, connection)
        let targets = keys.map { type.lookUpTarget($0, granted: granted, extensions: names) }
        let known = targets.compactMap(\.self)
        guard known.count == targets.count else { return try await list(type, connection, body) }
        let reading = ObjectReading(type: type, parts: [], granted: granted)
        let requests = Set(known).sorted().map { DirectoryRequest($0, of: type) }
        for answer in try await readBatch(requests, connection).answers {
            switch answer {
            case .success(let bytes):
                let page = try Self.page(bytes, type)
                try reading.objects(bytes, items: page.items, body)
                guard let link = page.nextLink else { continue }
                try await eachPage(link, type, connection) { (bytes, page) async throws(StageFailure) in
                    try reading.objects(bytes, items: page.items, body)
                }
            // The parent that it would be found at is not there.
            case .notFound: continue
            case .failure(let failure): throw failure
            }
        }
    }

    /// Every object of the type as it is now, without relationships, handed on page by page.
    public func list(
        _ type: ObjectType, _ connection: DirectoryConnection, _ body: (ObjectDocument) -> Void
    ) async throws(StageFailure) {
        let granted = try await permissions(connection)
        let names = try await extensions.names(for: type, self, connection)
        let reading = ObjectReading(type: type, parts: [], granted: granted)
        for (index, target) in type.listTargets(granted: granted, extensions: names).enumerated() {
            do {
                try await eachPage(target, type, connection) { (bytes, page) async throws(StageFailure) in
                    let cut = try reading.objects(bytes, page, listing: index, body)
                    try await readNested(cut, type, reading, connection, body)
                }
            } catch let failure where index > 0 && failure.disposition == .endCollection {
                // One of the recycle bin's lists that may not be read: a backup leaves it out as well.
                continue
            }
        }
    }

    /// Reads the objects of parents whose own were more than an expansion gives.
    private func readNested(
        _ parents: [String], _ type: ObjectType, _ reading: ObjectReading, _ connection: DirectoryConnection,
        _ body: (ObjectDocument) -> Void
    ) async throws(StageFailure) {
        guard let nested = type.nested, !parents.isEmpty else { return }
        for parent in parents {
            do {
                try await eachPage(
                    nested.target(forParent: parent), type, connection
                ) { (bytes, page) async throws(StageFailure) in
                    try reading.objects(bytes, items: page.items, body)
                }
            } catch let failure where failure.code == .collectionNotFound {
                // The parent went away between the two readings.
                continue
            }
        }
    }

    // MARK: Parts

    /// Reads one relationship of all documents.
    ///
    /// As a backup does: by expansion where it lists it so (some of these may not be read by their own path with read
    /// permissions), and by its own path where an expansion is cut short or there is none.
    private func readPart(
        _ relationship: Relationship, _ reading: ObjectReading, _ connection: DirectoryConnection,
        _ found: inout [String: ObjectDocument]
    ) async throws(StageFailure) {
        let type = reading.type
        var ids = found.keys.sorted().filter { reading.has(relationship, found[$0]) }
        if relationship.ownList {
            let requests = ids.compactMap { type.ownTarget(relationship, $0).map { DirectoryRequest($0, of: type) } }
            let answers = try await readBatch(requests, connection).answers
            var cut: [String] = []
            for (id, answer) in zip(ids, answers) {
                guard var document = found[id], let body = try Self.partBody(answer) else { continue }
                if try !reading.add(relationship, expandedIn: body, to: &document) { cut.append(id) }
                found[id] = document
            }
            ids = cut
        }
        let answers = try await readBatch(
            ids.map { DirectoryRequest(Self.target(relationship, of: type, $0), of: type) }, connection
        ).answers
        for (id, answer) in zip(ids, answers) {
            guard var document = found[id], let body = try Self.partBody(answer) else { continue }
            var bodies = [body]
            if let link = try Self.page(body, type).nextLink {
                try await eachPage(link, type, connection) { (bytes, _) async throws(StageFailure) in
                    bodies.append(bytes)
                }
            }
            try reading.add(relationship, bodies, to: &document)
            found[id] = document
        }
    }

    /// Ids alone, and as many a page as may be: the paths of what delta queries track give whole objects otherwise.
    private static func target(_ relationship: Relationship, of type: ObjectType, _ id: String) -> String {
        let target = relationship.target(for: id)
        guard relationship.read == .delta else { return target }
        let size = relationship.single ? nil : type.pageSize
        return target + "?$select=id" + (size.map { "&$top=\($0)" } ?? "")
    }

    /// Nil where the object has no such part, or the application may not read it: a backup leaves it out as well.
    private static func partBody(_ answer: BatchItemAnswer) throws(StageFailure) -> [UInt8]? {
        switch answer {
        case .success(let body): return body
        case .notFound: return nil
        case .failure(let failure) where failure.disposition == .endCollection: return nil
        case .failure(let failure): throw failure
        }
    }

    // MARK: Pages

    /// Reads a chain of pages.
    private func eachPage(
        _ target: String, _ type: ObjectType, _ connection: DirectoryConnection,
        _ body: (_ bytes: [UInt8], _ page: GraphPage) async throws(StageFailure) -> Void
    ) async throws(StageFailure) {
        var target = target
        var cursor = WalkCursor()
        while true {
            let bytes = try await read(DirectoryRequest(target, of: type), connection).body
            let page = try Self.page(bytes, type)
            try await body(bytes, page)
            guard let link = page.nextLink else { return }
            guard cursor.follow(link) else {
                throw StageFailure(
                    .nextLinkLoops, "A next link of \(type.name) led back to a page already read.")
            }
            target = link
        }
    }

    static func page(_ body: [UInt8], _ type: ObjectType) throws(StageFailure) -> GraphPage {
        do {
            return try GraphPage(body)
        } catch {
            throw malformed(type, error)
        }
    }

    static func malformed(_ type: ObjectType, _ error: any Error) -> StageFailure {
        StageFailure(.graphAnswerMalformed, "An answer about \(type.name) is not JSON: \(error).")
    }
}
