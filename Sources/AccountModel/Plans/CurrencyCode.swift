/// Codes of ISO 4217 that a plan can bill in.
///
/// The list is data, as of January 2026: what Foundation takes for a currency includes those that are no more, such as
/// DEM. Left out are the codes that stand for no money: metals, units of account, tests, and XXX for none.
/// Source: <https://www.six-group.com/en/products-services/financial-information/data-standards.html>
public enum CurrencyCode {
    /// In upper case.
    public static let all: Set<String> = Set(
        """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
        CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF
        GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
        LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN
        PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
        TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR
        ZMW ZWG
        """.split(whereSeparator: \.isWhitespace).map(String.init))

    /// The code in upper case; nil when the list has none like it.
    public static func known(_ text: String) -> String? {
        let code = text.uppercased()
        // Some letters become two: ß is no S.
        return code.count == text.count && all.contains(code) ? code : nil
    }
}
