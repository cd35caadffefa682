"""Chinese numerals as a recogniser prints them: what they are worth."""

from __future__ import annotations

DIGITS = {
    **dict(zip("零〇一二三四五六七八九", (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), strict=True)),
    "幺": 1,
    "两": 2,
}
DIGITS |= {str(n): n for n in range(10)}
SCALES = {"十": 10, "百": 100, "千": 1000}


def number(text: str) -> int | None:
    """Value of a numeral; digit by digit when it has no scale.

    >>> number("二十三"), number("十一"), number("八百五"), number("五零一"), number("两千零六"), number("个")
    (23, 11, 850, 501, 2006, None)
    """
    if not text or not all(it in DIGITS or it in SCALES for it in text):
        return None
    if not any(it in SCALES for it in text):
        return int(digits(text))
    total, digit, scale = 0, 0, 0
    for it in text:
        if it in SCALES:
            scale = SCALES[it]
            total += (digit or 1) * scale
            digit = 0
        else:
            digit = DIGITS[it]
            scale = 1 if digit == 0 else scale
    return total + digit * (scale // 10 if scale >= 100 else 1)


def digits(text: str) -> str:
    """Digits of a numeral read one by one.

    >>> digits("幺三九零")
    '1390'
    """
    return "".join(str(DIGITS[it]) for it in text if it in DIGITS)
