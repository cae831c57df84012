"""Finds the dates that are written in a text, in many languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

# A day, a month and a year, as figures or with the month as a word, in any of the usual orders; or a month and a year.
_DATE = re.compile(
    r"(?<![\w.-])(?:"
    r"(?P<y1>\d{4})[-/.](?P<m1>\d{1,2})[-/.](?P<d1>\d{1,2})"
    r"|(?P<d2>\d{1,2})(?P<sep>[./-])[ ]?(?P<m2>\d{1,2})(?P=sep)[ ]?(?P<y2>\d{4})"
    r"|(?P<y3>\d{4})[ ]?[年년][ ]?(?P<m3>\d{1,2})[ ]?[月월](?:[ ]?(?P<d3>\d{1,2})[ ]?[日일])?"
    r"|(?P<d4>\d{1,2})(?:st|nd|rd|th|er|º|\.)?[ ](?:de[ ]|of[ ])?(?P<w4>[^\W\d_]{3,12})\.?,?[ ](?:del?[ ])?(?P<y4>\d{4})"
    r"|(?P<w5>[^\W\d_]{3,12})\.?[ ](?P<d5>\d{1,2})(?:st|nd|rd|th)?,?[ ](?P<y5>\d{4})"
    r"|(?P<w6>[^\W\d_]{3,12})\.?,?[ ](?:de[ ])?(?P<y6>\d{4})"
    r")(?:(?=T\d\d:)|(?![\w-]))"  # a time may follow, as in 2024-05-12T10:00:00Z
)
# The names of the months and their abbreviations in 27 languages, from the Unicode CLDR, without those that are the name of
# another month in another language.
_NAMES = (
    """ene enero gen gennaio ian ianuarie jaan jaanuar jan janeiro januar januari january január januára janv janvier
       janvāris led leden ledna oca ocak saus sausio sausis sij siječanj siječnja sty styczeń stycznia tammi tammikuu
       tammikuuta ιαν ιανουάριοσ ιανουαρίου січ січень січня янв январь января яну януари""",
    """feb febbraio febr febrero februar februari februarie february február februára februāris fev fevereiro févr
       février helmi helmikuu helmikuuta lut lutego luty vas vasario vasaris veebr veebruar velj
       veljača veljače úno únor února şub şubat φεβ φεβρουάριοσ φεβρουαρίου лют лютий лютого фев февр февраль февраля
       февруари""",
    """bře březen března kov kovas kovo maalis maaliskuu maaliskuuta maart mar marca march marec maret mars mart
       martie marts marzec marzo março mrt márc március mär märts märz ožu ožujak ožujka μάρ μάρτιοσ
       μαρ μαρτίου бер березень березня мар март марта""",
    """abr abril apr april aprile aprilie aprill apríl apríla aprīlis avr avril bal balandis balandžio dub duben
       dubna huhti huhtikuu huhtikuuta kwi kwiecień kwietnia nis nisan tra travanj travnja ápr április
       απρ απρίλιοσ απριλίου апр апрель апреля април квіт квітень квітня""",
    """geg gegužė gegužės kvě květen května mag maggio mai maijs maio maj maja may mayo mayıs mei máj mája május svi
       svibanj svibnja touko toukokuu toukokuuta μάι μάιοσ μαΐ μαΐου май мая трав травень травня""",
    """birž birželio birželis cze czerwca czerwiec giu giugno haz haziran iun iunie juin jun june junho juni junij
       junio juuni jún júna június jūn jūnijs kesä kesäkuu kesäkuuta lipanj lipnja červen června čvn
       ιουν ιουνίου ιούν ιούνιοσ июн июнь июня черв червень червня юни""",
    """heinä heinäkuu heinäkuuta iul iulie juil juillet jul julho juli julij julio july juuli júl júla július jūl
       jūlijs liep liepa liepos lipca lipiec lug luglio srpanj srpnja tem temmuz července červenec čvc
       ιουλ ιουλίου ιούλ ιούλιοσ июл июль июля лип липень липня юли""",
    """ago agosto agu agustus août aug august augusta augusti augusts augustus augusztus avg avgust ağu ağustos elo
       elokuu elokuuta kol kolovoz kolovoza rugp rugpjūtis rugpjūčio sie sierpień sierpnia srpen srpna
       αυγ αυγούστου αύγ αύγουστοσ авг август августа серп серпень серпня""",
    """eyl eylül rugs rugsėjis rugsėjo ruj rujan rujna sep sept september septembra septembre septembrie septembris
       septiembre set setembro settembre syys syyskuu syyskuuta szept szeptember wrz wrzesień września
       zář září σεπ σεπτέμβριοσ σεπτεμβρίου вер вересень вересня сент сентябрь сентября сеп септември""",
    """eki ekim loka lokakuu lokakuuta oct october octobre octombrie octubre okt oktober oktobris oktoober október
       októbra ott ottobre out outubro paź październik października spal spalio spalis říj říjen
       října οκτ οκτωβρίου οκτώβριοσ жовт жовтень жовтня окт октомври октябрь октября""",
    """kas kasım lapkr lapkritis lapkričio listopadu marras marraskuu marraskuuta noiembrie nov november novembra
       novembre novembris novembro noviembre stu studeni studenoga νοέ νοέμβριοσ νοε νοεμβρίου лист
       листопад листопада ное ноември нояб ноябрь ноября""",
    """ara aralık dec december decembra decembrie decembris des desember dets detsember dez dezember dezembro dic
       dicembre diciembre déc décembre gru grudnia grudzień gruod gruodis gruodžio joulu joulukuu joulukuuta pro
       prosinac prosinca prosince prosinec δεκ δεκέμβριοσ δεκεμβρίου груд грудень грудня дек декабрь
       декабря декември""",
)  # fmt: skip
_MONTHS = {name: number for number, names in enumerate(_NAMES, start=1) for name in names.split()}
_EARLIEST, _LATEST = 1000, 2200
_COMPLETE = len("2024-05-12")


def written_dates(text: str) -> Iterator[tuple[int, int, str]]:
    """Yields the dates in a text, each with its start, its end, and the date in ISO 8601 format (YYYY-MM or YYYY-MM-DD).

    A date such as 3/4/2024, which is the fourth of March or the third of April, is left out.

    Example:
        >>> [found for _, _, found in written_dates("Lund, den 3. Mai 2024; em 5 de março de 2023; Oct 2022")]
        ['2024-05-03', '2023-03-05', '2022-10']
    """
    for found in _DATE.finditer(text):
        if value := _iso(found):
            yield found.start(), found.end(), value


def first_date(text: str) -> str:
    """Returns the first date with a day in a text, in ISO 8601 format; empty if there is none.

    Example:
        >>> first_date("Thursday, 3 Feb. 2022"), first_date("2024-05-12T10:00:00Z"), first_date("99 May 2020")
        ('2022-02-03', '2024-05-12', '')
    """
    return next((value for _, _, value in written_dates(text) if len(value) == _COMPLETE), "")


def _iso(found: re.Match[str]) -> str:
    kind = next(n for n in "123456" if found[f"y{n}"])
    year = int(found[f"y{kind}"])
    day = int(found[f"d{kind}"]) if kind != "6" and found[f"d{kind}"] else None
    month = _month(found[f"w{kind}"]) if kind in "456" else int(found[f"m{kind}"])
    if kind == "2" and found["sep"] != "." and day is not None:
        if day <= 12 and month <= 12 and day != month:
            return ""
        day, month = (day, month) if month <= 12 else (month, day)
    if not _EARLIEST <= year <= _LATEST or not 1 <= month <= 12:
        return ""
    if day is None:
        return f"{year}-{month:02}"
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return ""


def _month(word: str) -> int:
    """Returns the number of a month, given its name or its usual abbreviation in some language; 0 for another word."""
    return _MONTHS.get(word.casefold().rstrip("."), 0)
