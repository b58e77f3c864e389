"""The operations that read pictures, for the table in `serving.http.routes`."""

from __future__ import annotations

from typing import Any, Final

from serving.decoding.amount_grammar import LOCALES
from serving.decoding.check_digits import MAX_LENGTH, SCHEMES
from serving.decoding.dates import ORDERS
from serving.decoding.field_string import KINDS
from serving.decoding.micr import COUNTRIES
from serving.errors import (
    Busy,
    CheckreaderError,
    Expired,
    TimedOut,
    TooLarge,
    Unauthorized,
    Unknown,
    Unsupported,
)
from serving.http.endpoints import Endpoints
from serving.http.openapi import Body, Operation, Parameter
from serving.images.codec import FORMATS
from serving.protocol import checks, pictures
from serving.recognition.check_layout import MAX_LENGTH as MAX_LAYOUT

JSON: Final = "application/json"
# What can go wrong with any body.
BODY_ERRORS: Final = (
    CheckreaderError,
    Unauthorized,
    Unknown,
    TimedOut,
    TooLarge,
    Unsupported,
    Busy,
    Expired,
)

_PICTURE: dict[str, Any] = {"type": "string", "contentMediaType": "image/*"}
_PICTURES: dict[str, Body] = {
    **{f"image/{kind.lower()}": _PICTURE for kind in FORMATS},
    "multipart/form-data": {"type": "object", "additionalProperties": _PICTURE},
}
_MAX_ERROR: Final = Parameter(
    "max_error",
    "largest tolerated share of wrong readings among the accepted; 0.01, else the smallest certified up to 0.05",
    {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
)
_ABOUT_PAGES = (
    "Every page of a TIFF is read: the answer has a reading for each page, picture by picture, and page says which it "
    "is; a new picture starts again with page 1. "
)
_ABOUT_ACCEPTING = (
    "A model certifies some bounds on the share of errors among the accepted, each with a threshold. max_error is the "
    "wanted bound, and applied_max_error, the largest certified one that is not above it, the bound that is applied: a "
    "reading is accepted when its confidence reaches that threshold; otherwise reason says why a human should look. "
    "Without max_error it is 0.01, else the smallest certified bound above that, up to 0.05. With a max_error below "
    "all that are certified everything is read and nothing accepted: applied_max_error is null, and reason names the "
    "bounds there are."
)
_ABOUT_DIGITS = (
    f"One picture of one digit, or several as files of a form. {_ABOUT_PAGES}Dark ink on light paper or the reverse, "
    f"color and shadow do not matter. {_ABOUT_ACCEPTING}"
)
_ABOUT_FIELDS = (
    "One picture of an amount, a number or a date, or several as files of a form; crop takes the field out of a whole "
    f"scan. {_ABOUT_PAGES}text is the digits alone, raw what is written, with a point for a point or a comma, amount a decimal "
    "where the separators leave no doubt. With a scheme the likeliest number that satisfies its check digit "
    "is read, and of a date, with kind=date, the likeliest that exists and lies between after and before; date is that "
    f"date where the order leaves no doubt. confidence is the probability that the whole string is right. {_ABOUT_ACCEPTING} "
    "Doubt about the decimal point or the date is a reason not to accept. A box is x, y, width, height in the "
    "page of the picture that was posted."
)
_ABOUT_MICR = (
    "One picture of a MICR line in E-13B, or several as files of a form: a strip, the lower part of a check or, with crop, a "
    f"part of a scan, upright or upside down. {_ABOUT_PAGES}text is the line in digits, A (transit), B (amount), C (on-us) and D "
    "(dash), with a blank at each gap, symbols the same with ⑆ ⑇ ⑈ ⑉. Fields are told by the symbols around them; with "
    "country=auto the layouts of all known countries are tried. check_digit.valid judges what was read without the rule: where it "
    "is false and a less likely reading that satisfies the rule is shown, corrected_from is what was read, and the line is not "
    f"accepted. {_ABOUT_ACCEPTING} A line of no known layout, two lines, and a line of another font are reasons not to accept. A box is "
    "x, y, width, height in the page of the picture that was posted, one for each symbol."
)
_ABOUT_CHECKS = (
    "One picture of a check, or several as files of a form: a scan, cut to the check or not, or a photograph, upright or upside "
    f"down. {_ABOUT_PAGES}The paper is found and laid flat, the fields are found on it and read as by /fields and /micr: amount, "
    "date, MICR line and check number; words, the amount in words, is a place alone. A field that is not found is null. layout is "
    "for checks that are all alike: JSON with the places of the fields, [left, top, right, bottom] as shares of the check's width "
    "and height, and that of the amount at least. max_error is the wanted bound of each field. A check is accepted when its amount "
    "and its MICR line are and nothing speaks against it: an amount in the MICR line that differs from the written one, a serial "
    "number that differs from the check number, a date that is no day, or that is not surely between after and before where these "
    "are named. reasons say why it is not; max_error and applied_max_error of a check are the sums of the amount's and the MICR "
    "line's. Boxes, x, y, width and height, and corners, the check's top left first, are in the page of the picture that was posted."
)


def picture_operations(endpoints: Endpoints) -> list[Operation]:
    """Returns the operations, in the order the page shows them."""

    def common_parameters(default: str) -> tuple[Parameter, ...]:
        return (
            _MAX_ERROR,
            Parameter("model", f"which model reads; {default}", {"enum": list(endpoints.plane.models)}),
            Parameter(
                "crop",
                "x,y,width,height in pixels: read this part of each page alone",
                {"type": "string", "pattern": r"^\d+,\d+,\d+,\d+$"},
            ),
        )

    digits = Operation(
        "POST",
        "/digits",
        endpoints.digits,
        "Pictures",
        "Read digits from pictures.",
        _ABOUT_DIGITS,
        common_parameters(endpoints.plane.default),
        request_bodies=_PICTURES,
        response_bodies={JSON: pictures.DigitsResponse},
        errors=BODY_ERRORS,
        curl="curl --data-binary @seven.png 'localhost:8000/digits?max_error=0.01'\n"
        "curl -F a=@one.png -F b=@two.jpg localhost:8000/digits",
        reply='{"model":{"name":"lenet5","version":"1"},"max_error":0.01,"applied_max_error":0.002,"digits":[{"page":1,"digit":7,"confidence":0.998,"accepted":true,'
        '"reason":null,"top":[{"digit":7,"probability":0.998},{"digit":1,"probability":0.001}]}]}',
    )
    fields = Operation(
        "POST",
        "/fields",
        endpoints.fields,
        "Pictures",
        "Read amounts, numbers and dates from pictures.",
        _ABOUT_FIELDS,
        (
            Parameter("kind", "what is written; number with a scheme, else amount", {"enum": list(KINDS)}),
            Parameter("scheme", "check digit that the number satisfies", {"enum": list(SCHEMES)}),
            Parameter(
                "length", "how many digits it has", {"type": "integer", "minimum": 1, "maximum": MAX_LENGTH}
            ),
            Parameter("locale", "how the amount is written; any", {"enum": list(LOCALES)}),
            Parameter("order", "which of day, month and year is first; any", {"enum": list(ORDERS)}),
            *_window_parameters(),
            *common_parameters("the first that reads fields"),
        ),
        request_bodies=_PICTURES,
        response_bodies={JSON: pictures.FieldsResponse},
        errors=BODY_ERRORS,
        curl="curl --data-binary @amount.png 'localhost:8000/fields?crop=410,120,180,40'\n"
        "curl --data-binary @account.png 'localhost:8000/fields?scheme=aba'\n"
        "curl --data-binary @date.png 'localhost:8000/fields?kind=date&order=dmy&after=2000-01-01'",
        reply='{"model":{"name":"lenet5-field","version":"1"},"max_error":0.03,"applied_max_error":0.03,"fields":[{"page":1,"text":"1250","raw":"12.50",'
        '"amount":"12.50","date":null,"confidence":0.994,"accepted":true,"reason":null,"digits":[{"digit":1,'
        '"probability":0.999,"box":[412,124,9,28]}],"check_digit":null,'
        '"alternatives":[{"raw":"72.50","probability":0.003}]}]}',
    )
    micr = Operation(
        "POST",
        "/micr",
        endpoints.micr,
        "Pictures",
        "Read the MICR lines of checks.",
        _ABOUT_MICR,
        (
            Parameter("country", "whose layout the line has; auto", {"enum": list(COUNTRIES)}),
            *common_parameters("the first that reads MICR lines"),
        ),
        request_bodies=_PICTURES,
        response_bodies={JSON: pictures.MicrResponse},
        errors=BODY_ERRORS,
        curl="curl --data-binary @line.png 'localhost:8000/micr?country=us'\n"
        "curl --data-binary @check.png 'localhost:8000/micr?crop=0,560,1400,90'",
        reply='{"model":{"name":"lenet5-micr","version":"1"},"max_error":0.02,"applied_max_error":0.02,"lines":[{"page":1,'
        '"text":"A021000021A 123456789C 0101","symbols":"⑆021000021⑆ 123456789⑈ 0101","country":"us","fields":{"routing":'
        '{"text":"021000021","confidence":0.999},"account":{"text":"123456789","confidence":0.998},"serial":{"text":"0101",'
        '"confidence":0.999}},"check_digit":{"scheme":"aba","valid":true},"confidence":0.997,"accepted":true,"reason":null,'
        '"boxes":[[31,12,15,20]]}]}',
    )
    return [digits, fields, micr, _check_operation(endpoints)]


def _check_operation(endpoints: Endpoints) -> Operation:
    return Operation(
        "POST",
        "/checks",
        endpoints.checks,
        "Pictures",
        "Read whole checks.",
        _ABOUT_CHECKS,
        (
            Parameter("locale", "how the amount is written; any", {"enum": list(LOCALES)}),
            Parameter("order", "which of day, month and year is first; any", {"enum": list(ORDERS)}),
            Parameter("country", "whose layout the MICR line has; auto", {"enum": list(COUNTRIES)}),
            *_window_parameters(),
            _MAX_ERROR,
            Parameter(
                "layout",
                "where the fields lie; else they are found",
                {"type": "string", "maxLength": MAX_LAYOUT},
            ),
        ),
        request_bodies=_PICTURES,
        response_bodies={JSON: checks.ChecksResponse},
        errors=BODY_ERRORS,
        curl="curl --data-binary @check.jpg 'localhost:8000/checks?locale=us&order=mdy'\n"
        "curl --data-binary @check.png --url-query layout@layout.json localhost:8000/checks",
        reply='{"models":[{"name":"check-fields","version":"1"},{"name":"lenet5-field","version":"1"},{"name":"lenet5-micr",'
        '"version":"1"}],"checks":[{"page":1,"corners":[[36.0,34.0],[1366.0,42.0],[1353.0,622.0],[41.0,613.0]],"quality":{'
        '"width":1330,"sharpness":0.41,"light":201,"glare":0.0,"skew":0.3,"cut_off":0.0,"problems":[]},"fields":{"amount":{"box":[1111,253,158,37],"score":0.98,"text":"20000","raw":"200.00","amount":"200.00",'
        '"confidence":0.996,"accepted":true,"reason":null,"max_error":0.02,"applied_max_error":0.02,"digits":[{"digit":2,'
        '"probability":0.999,"box":[1112,255,22,30]}],"alternatives":[]},"date":null,"micr":{"box":[94,547,849,36],"score":0.99,'
        '"text":"A021000021A 123456789C 0101","symbols":"⑆021000021⑆ 123456789⑈ 0101","country":"us","fields":{"routing":{'
        '"text":"021000021","confidence":0.999}},"check_digit":{"scheme":"aba","valid":true},"confidence":0.997,"accepted":true,'
        '"reason":null,"max_error":0.05,"applied_max_error":0.05,"boxes":[[96,549,15,20]]},"check_number":null,"words":null},'
        '"max_error":0.07,"applied_max_error":0.07,"accepted":true,"reasons":[]}]}',
    )


def _window_parameters() -> tuple[Parameter, ...]:
    return tuple(
        Parameter(name, f"the {end} day that the date may be", {"type": "string", "format": "date"})
        for name, end in (("after", "first"), ("before", "last"))
    )
