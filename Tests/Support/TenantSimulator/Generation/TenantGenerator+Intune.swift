extension TenantGenerator {
    mutating func makeIntune() {
        for number in 0..<3 {
            store(
                .roleScopeTag,
                #"""
                {"id":"\#(number)",\#
                "displayName":"\#(number == 0 ? "Default" : "Scope \(number)")",\#
                "description":"Geltungsbereich","isBuiltIn":\#(number == 0)}
                """#,
                children: ["assignments": number == 0 ? [] : [assignment("roleScopeTagAutoAssignment", number)]])
        }
        var filters: [String] = []
        for number in 0..<3 {
            let id = random.guid()
            filters.append(id)
            store(
                .assignmentFilter,
                """
                {"id":"\(id)","createdDateTime":"\(preciseTime())","lastModifiedDateTime":"\(preciseTime())",
                "displayName":"Filter \(number)","description":"","platform":"windows10AndLater","roleScopeTags":["0"],
                "rule":"(device.manufacturer -eq \\"Fabrikam\\")","payloads":[],
                "assignmentFilterManagementType":"devices"}
                """)
        }
        for number in 0..<size.intunePolicies {
            makeCompliance(number)
            makeLinuxCompliance(number)
            makeCatalogPolicy(number)
            makeConfiguration(number)
        }
    }

    private mutating func assignment(_ type: String, _ number: Int) -> String {
        let target =
            switch number % 4 {
            case 0:
                ##"""
                {"@odata.type":"#microsoft.graph.allDevicesAssignmentTarget",\##
                "deviceAndAppManagementAssignmentFilterId":null,\##
                "deviceAndAppManagementAssignmentFilterType":"none"}
                """##
            case 1:
                ##"""
                {"@odata.type":"#microsoft.graph.exclusionGroupAssignmentTarget",\##
                "deviceAndAppManagementAssignmentFilterId":null,\##
                "deviceAndAppManagementAssignmentFilterType":"none",\##
                "groupId":"\##(id(random.pick(groups)))"}
                """##
            default:
                ##"""
                {"@odata.type":"#microsoft.graph.groupAssignmentTarget",\##
                "deviceAndAppManagementAssignmentFilterId":null,\##
                "deviceAndAppManagementAssignmentFilterType":"none",\##
                "groupId":"\##(id(random.pick(groups)))"}
                """##
            }
        let (id, source) = ("\(random.guid())_\(random.guid())", random.guid())
        // Those of scope tags do not tell where they come from.
        let origin = type == "roleScopeTagAutoAssignment" ? "" : #""source":"direct","sourceId":"\#(source)","#
        return #"{"id":"\#(id)",\#(origin)"target":\#(target)}"#
    }

    private mutating func assignments(_ type: String) -> [String] {
        (0..<random.below(3)).map { assignment(type, $0) }
    }

    private mutating func scheduledActions() -> [String] {
        let action =
            #"""
            {"id":"\#(random.guid())","gracePeriodHours":\#(24 * random.below(4)),\#
            "actionType":"block",\#
            "notificationTemplateId":"00000000-0000-0000-0000-000000000000",\#
            "notificationMessageCCList":[]}
            """#
        return [
            #"{"id":"\#(random.guid())","ruleName":"PasswordRequired","scheduledActionConfigurations":[\#(action)]}"#
        ]
    }

    private mutating func makeCompliance(_ number: Int) {
        let isWindows = number % 2 == 0
        let own =
            isWindows
            ? """
            "@odata.type":"#microsoft.graph.windows10CompliancePolicy","passwordRequired":true,
            "passwordMinimumLength":8,
            "osMinimumVersion":"10.0.19045.1","bitLockerEnabled":true,"secureBootEnabled":true,
            "validOperatingSystemBuildRanges":[]
            """
            : """
            "@odata.type":"#microsoft.graph.iosCompliancePolicy","passcodeRequired":true,"passcodeMinimumLength":6,
            "osMinimumVersion":"17.0","restrictedApps":[],"securityBlockJailbrokenDevices":true
            """
        store(
            .deviceCompliancePolicy,
            """
            {"id":"\(random.guid())","createdDateTime":"\(preciseTime())",
            "lastModifiedDateTime":"\(preciseTime(days: 100))",
            "displayName":"Compliance \(number) – Gerätekonformität","description":null,"roleScopeTagIds":["0"],
            "version":\(random.range(1...9)),\(own)}
            """,
            children: [
                "assignments": assignments("deviceCompliancePolicyAssignment"),
                "scheduledActionsForRule": scheduledActions(),
            ])
    }

    private mutating func setting(_ number: Int, _ name: String) -> String {
        let type = "#microsoft.graph.deviceManagementConfiguration"
        switch number % 3 {
        case 0:
            return
                #"""
                {"id":"\#(number)",\#
                "settingInstance":{"@odata.type":"\#(type)ChoiceSettingInstance",\#
                "settingDefinitionId":"device_vendor_\#(name)_\#(number)",\#
                "settingInstanceTemplateReference":null,\#
                "choiceSettingValue":{"settingValueTemplateReference":null,\#
                "value":"device_vendor_\#(name)_\#(number)_1",\#
                "children":[{"@odata.type":"\#(type)SimpleSettingInstance",\#
                "settingDefinitionId":"child","settingInstanceTemplateReference":null,\#
                "simpleSettingValue":{"@odata.type":"\#(type)IntegerSettingValue",\#
                "settingValueTemplateReference":null,"value":9007199254740993}}]}}}
                """#
        case 1:
            return
                #"""
                {"id":"\#(number)",\#
                "settingInstance":{"@odata.type":"\#(type)SimpleSettingCollectionInstance",\#
                "settingDefinitionId":"list_\#(name)","settingInstanceTemplateReference":null,\#
                "simpleSettingCollectionValue":[{"@odata.type":"\#(type)StringSettingValue",\#
                "settingValueTemplateReference":null,"value":"https://z.example"},\#
                {"@odata.type":"\#(type)StringSettingValue",\#
                "settingValueTemplateReference":null,"value":"https://a.example"}]}}
                """#
        default:
            return
                #"""
                {"id":"\#(number)",\#
                "settingInstance":{"@odata.type":"\#(type)SimpleSettingInstance",\#
                "settingDefinitionId":"secret_\#(name)",\#
                "settingInstanceTemplateReference":null,\#
                "simpleSettingValue":{"@odata.type":"\#(type)SecretSettingValue",\#
                "settingValueTemplateReference":null,"value":"\#(random.guid())",\#
                "valueState":"encryptedValueToken"}}}
                """#
        }
    }

    private mutating func makeLinuxCompliance(_ number: Int) {
        let count = random.range(1...4)
        let assigned = assignments("deviceManagementConfigurationPolicyAssignment")
        store(
            .compliancePolicy,
            """
            {"id":"\(random.guid())","createdDateTime":"\(preciseTime())",
            "lastModifiedDateTime":"\(preciseTime(days: 100))",
            "name":"Linux \(number)","description":"","platforms":"linux","technologies":"linuxMdm",
            "roleScopeTagIds":["0"],
            "settingCount":\(count),"creationSource":null,"isAssigned":\(!assigned.isEmpty)}
            """,
            children: [
                "settings": (0..<count).map { setting($0, "linux") }, "assignments": assigned,
                "scheduledActionsForRule": scheduledActions(),
            ])
    }

    private mutating func makeCatalogPolicy(_ number: Int) {
        // Some policies have more settings than a page holds.
        let count = number % 4 == 1 ? 60 : random.range(1...8)
        let isSecurity = number % 3 == 0
        let template =
            isSecurity
            ? #"""
            {"templateId":"d948ff9b-99cb-4ee0-8012-1fbc09685377_1",\#
            "templateFamily":"endpointSecurityAntivirus",\#
            "templateDisplayName":"Microsoft Defender Antivirus exclusions",\#
            "templateDisplayVersion":"Version 1"}
            """#
            : #"{"templateId":"","templateFamily":"none","templateDisplayName":null,"templateDisplayVersion":null}"#
        let assigned = assignments("deviceManagementConfigurationPolicyAssignment")
        store(
            .configurationPolicy,
            """
            {"id":"\(random.guid())","createdDateTime":"\(preciseTime())",
            "lastModifiedDateTime":"\(preciseTime(days: 100))",
            "name":"Katalog \(number)","description":"Beschreibung \(number)","platforms":"windows10",
            "technologies":"mdm",
            "roleScopeTagIds":["0"],"settingCount":\(count),"creationSource":null,"isAssigned":\(!assigned.isEmpty),
            "priorityMetaData":null,"disableEntraGroupPolicyAssignment":null,"templateReference":\(template)}
            """,
            children: ["settings": (0..<count).map { setting($0, "policy\(number)") }, "assignments": assigned])
    }

    private mutating func makeConfiguration(_ number: Int) {
        let isCustom = number % 2 == 0
        let own =
            isCustom
            ? """
            "@odata.type":"#microsoft.graph.windows10CustomConfiguration","omaSettings":[
            {"@odata.type":"#microsoft.graph.omaSettingInteger","displayName":"Z limit","description":null,
            "omaUri":"./Vendor/Limit","isEncrypted":false,"secretReferenceValueId":null,"value":9007199254740993,
            "isReadOnly":false},
            {"@odata.type":"#microsoft.graph.omaSettingString","displayName":"A secret","description":null,
            "omaUri":"./Vendor/Secret","isEncrypted":true,"secretReferenceValueId":"\(random.guid())_\(number)",
            "value":"****"}]
            """
            : """
            "@odata.type":"#microsoft.graph.windowsUpdateForBusinessConfiguration",
            "deliveryOptimizationMode":"userDefined",
            "automaticUpdateMode":"autoInstallAtMaintenanceTime",
            "qualityUpdatesDeferralPeriodInDays":\(random.below(10)),
            "installationSchedule":{"@odata.type":"#microsoft.graph.windowsUpdateActiveHoursInstall",
            "activeHoursStart":"08:00:00.0000000","activeHoursEnd":"17:00:00.0000000"}
            """
        store(
            .deviceConfiguration,
            """
            {"id":"\(random.guid())","createdDateTime":"\(preciseTime())",
            "lastModifiedDateTime":"\(preciseTime(days: 100))",
            "displayName":"Konfiguration \(number)","description":null,"roleScopeTagIds":["0"],"supportsScopeTags":true,
            "version":\(random.range(1...9)),"deviceManagementApplicabilityRuleOsEdition":null,
            "deviceManagementApplicabilityRuleOsVersion":null,"deviceManagementApplicabilityRuleDeviceMode":null,\(own)}
            """,
            children: ["assignments": assignments("deviceConfigurationAssignment")])
    }
}
