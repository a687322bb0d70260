"""The languages that the models list, as CLDR writes them."""

from __future__ import annotations

from babel import Locale, UnknownLocaleError

# The 119 languages and dialects that Qwen3 names, as CLDR's locales.
_CODES = """
en fr pt de ro sv da bg ru cs el uk es nl sk hr pl lt nb nn fa sl gu lv it oc ne mr be sr lb vec as cy szl ast hne awa
mai bho sd ga fo hi pa bn or tg yi lmo lij scn fy sc gl ca is sq li fa_AF af mk si ur mag bs hy
zh_Hans zh_Hant yue my ar ar_SA ar_LB ar_EG ar_MA ar_IQ ar_YE ar_TN he mt
id ms fil ceb jv su min ban bjn pag ilo war ta te kn ml tr az uz kk ba tt th lo fi et hu vi km ja ko ka eu ht pap kea
tpi sw
"""
LANGUAGES = _CODES.split()


def words(code: str) -> str:
    """CLDR's text in a language: names of languages, territories, months and days."""
    locale = Locale.parse(code)
    parts = [str(name) for table in (locale.languages, locale.territories) for _, name in sorted(table.items())]
    parts += [str(name) for table in (locale.months, locale.days) for name in table["format"]["wide"].values()]
    return ", ".join(parts[:400])


def texts() -> dict[str, str]:
    out = {}
    for code in dict.fromkeys(LANGUAGES):
        try:
            out[code] = words(code)
        except UnknownLocaleError:  # CLDR as babel has it does not know the language
            continue
    return out


TEXTS = texts()

# Greetings in the languages that CLDR has no words of yet.
_GREETINGS = {
    "hne": "जय जोहार, तुमन कइसे हव?",
    "awa": "राम राम, आप कइसे हया?",
    "li": "Goojedaag, wie geit ’t mit uch?",
    "mag": "प्रणाम, अपने कइसन हथिन?",
    "min": "Salamaik datang, apo kaba?",
    "ban": "ᬭᬳᬚᭂᬂ ᬭᬯᬸᬄ, kenken kabaré?",
    "bjn": "Salamat datang, kayapa habar pian?",
    "pag": "Maong ya agew, antoy balitam?",
    "ilo": "Naimbag nga aldaw, kumusta ka?",
    "war": "Maupay nga adlaw, kumusta ka?",
}
SAMPLES = {code: TEXTS.get(code) or _GREETINGS[code] for code in LANGUAGES}
"""A text in each of the 119."""
