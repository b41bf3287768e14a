/// Words that generated objects are made of. Several scripts on purpose: a backup must keep every one of them.
enum Vocabulary {
    static let givenNames = [
        "Ada", "Amélie", "André", "Anna", "Aoife", "Bjørn", "Carlos", "Chloë", "Dagmar", "David", "Elif", "Émile",
        "Fatima", "Finn", "Giulia", "Goran", "Hanna", "Hüseyin", "Ines", "Ivan", "Jan", "Jürgen", "Kateřina", "Kofi",
        "Laura", "Łukasz", "Mária", "Mateus", "Nadia", "Niklas", "Olga", "Oscar", "Paula", "Piotr", "Quinn", "Rosa",
        "Søren", "Sofía", "Tomás", "Tuva", "Uma", "Victor", "Wanda", "Xenia", "Yuki", "Zoë", "明", "Дмитрий",
    ]
    static let familyNames = [
        "Abel", "Åberg", "Almeida", "Bauer", "Bělohlávek", "Castillo", "Çelik", "Dubois", "Díaz", "Eriksen", "Fischer",
        "García", "Grünwald", "Hansen", "Horváth", "Ibrahim", "Ivanova", "Jansen", "Jørgensen", "Kaya", "Kowalczyk",
        "Lambert", "López", "Marković", "Müller", "Nagy", "Nguyễn", "Núñez", "O'Connor", "Öztürk", "Papadaki", "Petrov",
        "Quintana", "Rossi", "Ruß", "Santos", "Šimić", "Tanaka", "Thorsen", "Ülker", "Varga", "Weiß", "Wójcik",
        "Yılmaz",
        "Zając", "Železný", "王", "佐藤",
    ]
    /// The same names as they stand in addresses.
    static let plainGivenNames = givenNames.map(plain)
    static let plainFamilyNames = familyNames.map(plain)

    static let departments = [
        "Engineering", "Finance", "Human Resources", "Legal", "Logistics", "Marketing", "Operations", "R&D", "Sales",
        "Vertrieb & Service", "Qualité", "IT",
    ]
    static let jobTitles = [
        "Accountant", "Analyst", "Architect", "Consultant", "Developer", "Director", "Engineer", "Manager",
        "Technicien", "Sachbearbeiter", "Specialist", "Team lead",
    ]
    /// City, state, country, its code, postal code, language.
    static let places: [(String, String?, String, String, String, String)] = [
        ("Berlin", nil, "Germany", "DE", "10115", "de-DE"), ("Wien", nil, "Austria", "AT", "1010", "de-AT"),
        ("Lyon", "Auvergne-Rhône-Alpes", "France", "FR", "69001", "fr-FR"),
        ("Kraków", nil, "Poland", "PL", "30-001", "pl-PL"), ("Zürich", "ZH", "Switzerland", "CH", "8001", "de-CH"),
        ("Portland", "OR", "United States", "US", "97201", "en-US"),
        ("São Paulo", "SP", "Brazil", "BR", "01000-000", "pt-BR"), ("東京", nil, "Japan", "JP", "100-0001", "ja-JP"),
    ]
    static let groupNouns = [
        "Project", "Team", "Site", "Printers", "VPN users", "Budget", "Steering committee", "Support", "Newsletter",
        "Équipe", "Gruppe", "Access", "Licences", "Test ring",
    ]
    static let applicationNouns = [
        "Portal", "Connector", "Scheduler", "Inventory", "Payroll", "Booking", "Analytics", "Gateway", "Archive",
        "Ticketing",
    ]
    static let companies = ["northfield", "blueharbor", "oakline", "silverpeak", "redwoodworks", "tidewater"]

    /// ASCII letters only, the rest by their nearest or by `x`.
    private static func plain(_ name: String) -> String {
        let letters = name.lowercased().unicodeScalars.compactMap { scalar -> Character? in
            if ("a"..."z").contains(Character(scalar)) { return Character(scalar) }
            return substitutes[scalar]
        }
        return letters.isEmpty ? "x" : String(letters)
    }

    private static let substitutes: [Unicode.Scalar: Character] = [
        "é": "e", "ë": "e", "è": "e", "ě": "e", "ř": "r", "ł": "l", "á": "a", "ø": "o", "ü": "u", "í": "i", "å": "a",
        "ç": "c", "ć": "c", "ú": "u", "ñ": "n", "ó": "o", "ö": "o", "š": "s", "ı": "i", "ż": "z", "ą": "a", "ž": "z",
        "ß": "s", "ễ": "e",
    ]
}
