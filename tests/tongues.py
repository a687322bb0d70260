"""The languages that the models list, as CLDR writes them."""

from __future__ import annotations

from babel import Locale

# The 119 languages and dialects that Qwen3 names, as CLDR's locales.
_CODES = """
en fr pt de ro sv da bg ru cs el uk es nl sk hr pl lt nb nn fa sl gu lv it oc ne mr be sr lb vec as cy szl ast hne awa
mai bho sd ga fo hi pa bn or tg yi lmo lij scn fy sc gl ca is sq li fa_AF af mk si ur mag bs hy
zh_Hans zh_Hant yue my ar ar_SA ar_LB ar_EG ar_MA ar_IQ ar_YE ar_TN he mt
id ms fil ceb jv su min ban bjn pag ilo war ta te kn ml tr az uz kk ba tt th lo fi et hu vi km ja ko ka eu ht pap kea
tpi sw
"""
LANGUAGES = _CODES.split()

# Of ten of them CLDR, as babel has it, knows nothing: how one counts to ten there, and names the days.
_WORDS = {
    "awa": "एक, दुइ, तीन, चार, पाँच, छ, सात, आठ, नौ, दस; सोमवार, मंगर, बुध, बियफै, सुक, सनीचर, अतवार",
    "ban": "besik, dua, telu, papat, lima, nenem, pitu, kutus, sia, dasa; "
    "Redite, Soma, Anggara, Buda, Wraspati, Sukra, Saniscara; ᬩᬲᬩᬮᬶ",
    "bjn": "asa, dua, talu, ampat, lima, anam, pitu, walu, sanga, sapuluh; "
    "Sanayan, Salasa, Arba, Kamis, Jumahat, Saptu, Ahat",
    "hne": "एक, दू, तीन, चार, पांच, छै, सात, आठ, नौ, दस; सम्मार, मंगलवार, बुधवार, बिरस्पत, सुकवार, सनिच्चर, इतवार",
    "ilo": "maysa, dua, tallo, uppat, lima, innem, pito, walo, siam, sangapulo; "
    "Lunes, Martes, Mierkoles, Huebes, Biernes, Sabado, Domingo",
    "li": "ein, twie, drie, veer, vief, zès, zeve, ach, nege, tien; "
    "maondig, dinsdig, goonsdig, donderdig, vriedig, zaoterdig, zondig",
    "mag": "एक, दू, तीन, चार, पाँच, छौ, सात, आठ, नौ, दस; सोमार, मंगर, बुध, बिहफे, सुक्कर, सनिच्चर, एतवार",
    "min": "ciek, duo, tigo, ampek, limo, anam, tujuah, salapan, sambilan, sapuluah; "
    "Sinayan, Salasa, Raba'a, Kamih, Jumaik, Sabtu, Akaik",
    "pag": "sakey, duara, talora, apatira, lima, anem, pito, walo, siam, samplo; "
    "Lunes, Martes, Miyerkoles, Huwebes, Biernes, Sabado, Simba",
    "war": "usa, duha, tulo, upat, lima, unom, pito, walo, siyam, napulo; "
    "Lunes, Martes, Miyerkoles, Huwebes, Biyernes, Sabado, Dominggo",
}


def words(code: str) -> str:
    """CLDR's text in a language: names of languages, territories, months and days."""
    locale = Locale.parse(code)
    parts = [str(name) for table in (locale.languages, locale.territories) for _, name in sorted(table.items())]
    parts += [str(name) for table in (locale.months, locale.days) for name in table["format"]["wide"].values()]
    return ", ".join(parts[:400])


def texts() -> dict[str, str]:
    """A text in each of the 119."""
    return {code: _WORDS.get(code) or words(code) for code in dict.fromkeys(LANGUAGES)}


TEXTS = texts()
