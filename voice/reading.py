"""Written Chinese as it is read aloud: digits, letters and signs become hanzi, stops become pauses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

COMMA = "，"
"""A short pause inside a sentence."""
STOP = "。"
"""The pause after a sentence."""

_DIGITS = "零一二三四五六七八九"
_PHONE_DIGITS = "零幺二三四五六七八九"
_LETTERS = {
    "A": "诶", "B": "必", "C": "西", "D": "第", "E": "衣", "F": "爱福", "G": "记",
    "H": "爱吃", "I": "爱", "J": "杰", "K": "开", "L": "爱乐", "M": "爱木", "N": "恩",
    "O": "欧", "P": "批", "Q": "秋", "R": "啊", "S": "爱思", "T": "提", "U": "优",
    "V": "微", "W": "达布溜", "X": "爱克思", "Y": "外", "Z": "贼",
}  # fmt: skip
_SIGNS = {
    "%": "百分之", "℃": "摄氏度", "°": "度",
    "㎡": "平方米", "+": "加", "=": "等于", "@": "艾特", "&": "和", "¥": "元",
}  # fmt: skip
_SHORT_PAUSES = "，,、:：;；()[]{}<>《》〈〉【】「」『』“”\"‘’'/|…—–"
_STOPS = "。.!！?？\n\r"
_UNIT = (
    r"(?:多|余|来|几)?(?:[元块毛角万亿千百个米人户家件台辆吨斤度天年月日号点分秒楼层栋幢室平岁次位名套间瓦页条张份倍届路]"
    r"|公里|公斤|小时|单元|厘米|毫米|千米|克|立方|兆|伏|安培)"
)
_EMERGENCY = "110|119|120|122|114|12[0-9]{3}|95[0-9]{3}|96[0-9]{3}|10000|10010|10086"


def read_aloud(text: str) -> str:
    """``text`` as it is spoken: hanzi, "，" for a short pause and "。" for a long one, nothing else.

    >>> read_aloud("12345热线，8:05受理了98.5%")
    '幺二三四五热线，八点零五分受理了百分之九十八点五'
    """
    spoken = unicodedata.normalize("NFKC", text).upper()
    for pattern, say in _RULES:
        spoken = pattern.sub(say, spoken)
    spoken = "".join(_speak_character(character) for character in spoken)
    spoken = re.sub(r"[，。]*。[，。]*", STOP, re.sub("，+", COMMA, spoken))
    return spoken.lstrip(COMMA + STOP)


def read_digits(digits: str, *, phone: bool = True) -> str:
    """Digit by digit; one is 幺 in telephone and house-service numbers and 一 in years."""
    names = _PHONE_DIGITS if phone else _DIGITS
    return "".join(names[int(digit)] for digit in digits)


def read_number(number: int) -> str:
    """A whole number by its value, up to 9999 亿.

    >>> [read_number(n) for n in (0, 10, 18, 105, 1050, 20000, 100_010_001)]
    ['零', '十', '十八', '一百零五', '一千零五十', '二万', '一亿零一万零一']
    """
    if number == 0:
        return "零"
    groups: list[str] = []
    rest, unit, gap = number, 0, False
    while rest:
        rest, low = divmod(rest, 10_000)
        if low:
            zero = "零" if gap or (rest and low < 1000) else ""
            groups.append(zero + _read_below_ten_thousand(low) + ("", "万", "亿", "万亿")[unit])
            gap = False
        elif groups:
            gap = True
        unit += 1
    spoken = "".join(reversed(groups)).lstrip("零")
    return spoken[1:] if spoken.startswith("一十") else spoken


def _read_below_ten_thousand(number: int) -> str:
    spoken = ""
    gap = False
    for power, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // power % 10
        if digit == 0:
            gap = gap or bool(spoken)
            continue
        spoken += ("零" if gap and spoken else "") + _DIGITS[digit] + name
        gap = False
    return spoken


def _by_value(digits: str) -> str:
    whole, _, fraction = digits.replace(",", "").partition(".")
    if len(whole) > 12 or (len(whole) > 1 and whole.startswith("0")):
        return read_digits(whole) + ("点" + read_digits(fraction, phone=False) if fraction else "")
    return read_number(int(whole)) + ("点" + read_digits(fraction, phone=False) if fraction else "")


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    if minute == 0:
        return f"{read_number(hour)}点"
    return f"{read_number(hour)}点{'零' if minute < 10 else ''}{read_number(minute)}分"


def _date(match: re.Match[str]) -> str:
    year, month, day = match.groups()
    return f"{read_digits(year, phone=False)}年{read_number(int(month))}月{read_number(int(day))}日"


def _telephone(match: re.Match[str]) -> str:
    return read_digits("".join(match.groups()))


def _plain_number(match: re.Match[str]) -> str:
    digits = match[0]
    if "." in digits or "," in digits or (len(digits) <= 4 and not digits.startswith("0")) or digits == "0":
        return _by_value(digits)
    return read_digits(digits)


def _speak_character(character: str) -> str:
    if "\u4e00" <= character <= "\u9fff" or character == "〇":
        return "零" if character == "〇" else character
    if character in _STOPS:
        return STOP
    if character in _SHORT_PAUSES:
        return COMMA
    return _LETTERS.get(character) or _SIGNS.get(character, "")


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<!\d)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)"), _date),
    (re.compile(r"(?<![\d.])(0\d{2,3}|1\d{2})-(\d{4})-?(\d{3,4})(?!\d)"), _telephone),
    (re.compile(r"(?<=\d)\s*[-~]\s*(?=\d)"), lambda match: "至"),
    (re.compile(r"(?<!\d)([01]?\d|2[0-4])[:](\d{2})(?:[:]\d{2})?(?!\d)"), _clock),
    (re.compile(r"(?<!\d)(\d{4})(?=年)"), lambda match: read_digits(match[1], phone=False)),
    (re.compile(r"(\d[\d,]*(?:\.\d+)?)%"), lambda match: "百分之" + _by_value(match[1])),
    (re.compile(rf"(?<!\d)(\d[\d,]*(?:\.\d+)?)(?={_UNIT})"), lambda match: _by_value(match[1])),
    (re.compile(rf"(?<!\d)(?:{_EMERGENCY})(?!\d)"), lambda match: read_digits(match[0])),
    (re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"), _plain_number),
)


def pauses_between(spoken: str) -> list[tuple[str, str]]:
    """The runs of hanzi of a spoken text with the pause that follows each (COMMA, STOP or "").

    >>> pauses_between("您好，请讲。")
    [('您好', '，'), ('请讲', '。')]
    """
    pieces = [*re.split(f"([{COMMA}{STOP}])", spoken), ""]
    return [(run, pause) for run, pause in list(pairwise(pieces))[::2] if run]
