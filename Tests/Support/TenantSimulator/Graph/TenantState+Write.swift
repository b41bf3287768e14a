extension TenantState {
    mutating func write(
        _ request: GraphRequest, _ route: Route, _ caller: Caller
    ) throws(GraphFailure) -> GraphResponse {
        if case .getByIds = route { return try getByIds(request, caller) }
        throw GraphFailure(status: 405, code: "Request_BadRequest", message: "Specified HTTP method is not allowed.")
    }
}
