//! The words that names are made of: several scripts, and all that is hard about file names.

/// 64 words, so that a number is a name in base 64.
pub(super) const WORDS: [&str; 64] = [
    "Lantern",
    "Harbour",
    "Första",
    "Snön",
    "Ögonblick",
    "Ferry",
    "Saltworks",
    "Overture",
    "Parlour",
    "Copper",
    "Wire",
    "Ground",
    "Loop",
    "Delta",
    "Estuary",
    "Rivers",
    "Окно",
    "Первый",
    "Лёд",
    "Сад",
    "Зимний",
    "Тихий",
    "改札口",
    "終電",
    "夜行",
    "回送",
    "雨の",
    "ホーム",
    "Été",
    "Hiver",
    "Forêt",
    "Garçon",
    "Straße",
    "Über",
    "Mädchen",
    "Grün",
    "Łódź",
    "Żółty",
    "Śnieg",
    "Árbol",
    "Niño",
    "Mañana",
    "Coração",
    "São",
    "Θάλασσα",
    "Νύχτα",
    "Φως",
    "ليل",
    "قمر",
    "בית",
    "אור",
    "서울",
    "바다",
    "Ağaç",
    "Güneş",
    "Đêm",
    "Biển",
    "Ticking",
    "Ledger",
    "Tide",
    "Weekend",
    "Singles",
    "Winter",
    "Row",
];

/// What stands behind some titles, because file names and URIs disagree about it.
pub(super) const TAILS: [&str; 10] = [
    " [Live]",
    " (feat. Ünï; Remix)",
    "?",
    " #1",
    " & Friends",
    " 100%",
    " 'Demo'",
    " 🎵",
    " {Take 2}",
    " %20",
];

/// What people call playlists.
pub(super) const MOODS: [&str; 8] = [
    "Road Trip",
    "Été & \"Hiver\" <mix>",
    "Inbox/Check",
    "Тихий час",
    "夜",
    "Running",
    "Party",
    "Sleep",
];

pub(super) const GENRES: [&str; 8] =
    ["Indie Rock", "Folk", "Ambient", "Électronique", "Jazz", "Рок", "J-Pop", "Drum & Bass"];

/// The name that a number is, unique among all numbers of so many words.
pub(super) fn name(number: u32, words: u32) -> String {
    let word = |place: u32| WORDS[((number >> (6 * place)) % 64) as usize];
    (0..words).map(word).collect::<Vec<_>>().join(" ")
}
