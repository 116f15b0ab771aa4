"""What the program makes of documents and orders. It is called here without its process."""

from collections.abc import Iterator
from typing import Any

import pikepdf
import pypdf
import pytest
from pikepdf import Encryption

from fleet.confined.refusal import Refusal
from tests.kit.documents.desk import Desk
from tests.kit.documents.made_pdfs import made_pdf
from worker.render.after_print.program.order import Ranges


def titles(reader: pypdf.PdfReader) -> list[tuple[str, int]]:
    """The titles of the outline, each with the page that it leads to."""
    found = []
    for item in reader.outline:
        assert isinstance(item, pypdf.generic.Destination)
        number = reader.get_destination_page_number(item)
        assert number is not None
        found.append((str(item.title), number))
    return found


def read_aloud(reader: pypdf.PdfReader) -> list[str]:
    """For each page the text of the structure element that the page's own number leads to."""
    root: Any = reader.root_object["/StructTreeRoot"]
    by_number: dict[int, Any] = dict(_entries(root["/ParentTree"]))
    found = []
    for page in reader.pages:
        number: Any = page["/StructParents"]
        (element,) = by_number[number]
        element = element.get_object()
        assert element["/Pg"] == page
        assert element["/P"].get_object() == root
        assert element in [kid.get_object() for kid in root["/K"]]
        found.append(str(element["/ActualText"]))
    return found


def _entries(node: Any) -> Iterator[tuple[int, Any]]:
    flat = list(node.get("/Nums", ()))
    yield from zip(flat[::2], (value.get_object() for value in flat[1::2]), strict=True)
    for kid in node.get("/Kids", ()):
        yield from _entries(kid.get_object())


def test_documents_come_in_their_order_with_outline_and_tags(desk: Desk) -> None:
    before = desk.document(made_pdf("cover", outline=True, tagged=True), "pdf.prepend.0")
    printed = desk.document(made_pdf("one", "two", outline=True, tagged=True))
    after = desk.document(made_pdf("end", outline=True, tagged=True), "pdf.append.0")
    assert desk.work(before, printed, after, printed=1) == {"pages": 4, "warnings": []}
    assert desk.texts == ["cover", "one", "two", "end"]
    assert titles(desk.made) == [("cover", 0), ("one", 1), ("two", 2), ("end", 3)]
    assert read_aloud(desk.made) == ["cover", "one", "two", "end"]
    assert desk.root["/MarkInfo"] == {"/Marked": True}
    roles = desk.root["/StructTreeRoot"]["/RoleMap"]
    assert set(roles) == {"/cover", "/one", "/end"}, "what the words of each document mean"


def test_a_document_without_tags_leaves_those_of_the_others_alone(desk: Desk) -> None:
    plain = desk.document(made_pdf("cover"), "pdf.prepend.0")
    tagged = desk.document(made_pdf("one", tagged=True))
    assert desk.work(plain, tagged, printed=1)["warnings"] == []
    assert "/StructParents" not in desk.made.pages[0]
    (element,) = dict(_entries(desk.root["/StructTreeRoot"]["/ParentTree"]))[0]
    assert element.get_object()["/ActualText"] == "one"


@pytest.mark.parametrize(
    ("pages", "texts"),
    [([(2, 2)], ["b"]), ([(3, 1)], ["c", "b", "a"]), ([(-1, -1), (1, 2)], ["c", "a", "b"])],
)
def test_pages_are_chosen_and_put_in_order(desk: Desk, pages: Ranges, texts: list[str]) -> None:
    answer = desk.work(desk.document(made_pdf("a", "b", "c", outline=True, tagged=True)), pages=pages)
    assert answer["pages"] == len(texts)
    assert answer["warnings"] == ["pdf.pages: pages were left out or moved, so the document is not tagged"]
    assert desk.texts == texts
    # By their titles: the outline keeps its own order.
    assert dict(titles(desk.made)) == {text: number for number, text in enumerate(texts)}
    assert "/StructTreeRoot" not in desk.root
    assert not [page for page in desk.made.pages if "/StructParents" in page]


def test_nothing_is_left_of_a_page_that_is_not_taken(desk: Desk) -> None:
    printed = desk.document(made_pdf("public", "SECRET", outline=True, tagged=True))
    desk.work(printed, pages=[(1, 1)])
    with pikepdf.open(desk.output) as pdf:
        streams = [one.read_bytes() for one in pdf.objects if isinstance(one, pikepdf.Stream)]
        assert not any(b"SECRET" in stream for stream in streams)
        assert not any("SECRET" in str(one) for one in pdf.objects if not isinstance(one, pikepdf.Stream))


def test_pages_of_one_part_are_chosen_by_themselves(desk: Desk) -> None:
    part = desk.document(made_pdf("x", "y", "z"), "pdf.append.0", pages=[(3, 3), (1, 1)])
    desk.work(desk.document(made_pdf("one")), part)
    assert desk.texts == ["one", "z", "x"]


def test_pages_of_all_documents_can_be_mixed(desk: Desk) -> None:
    part = desk.document(made_pdf("x", "y"), "pdf.append.0")
    desk.work(desk.document(made_pdf("one", "two")), part, pages=[(1, 1), (4, 4), (2, 3)])
    assert desk.texts == ["one", "y", "two", "x"]


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ([(1, 4)], "names page 4, and there are only 3 pages"),
        ([(9, 9)], "names page 9, and there are only 3 pages"),
        ([(1, 2), (-1, 2)], "names page 2 twice"),
    ],
)
def test_pages_that_do_not_exist_are_refused(desk: Desk, pages: Ranges, message: str) -> None:
    printed = desk.document(made_pdf("a", "b", "c"))
    assert desk.refusal(printed, pages=pages) == {"field": "pdf.pages", "message": message}
    part = desk.document(made_pdf("a", "b", "c"), "pdf.prepend.1", pages=pages)
    assert desk.refusal(part, printed, printed=1) == {"field": "pdf.prepend.1.pages", "message": message}


def test_pages_are_turned(desk: Desk) -> None:
    turns = [{"degrees": 90, "pages": None}, {"degrees": 270, "pages": [(2, 2)]}]
    desk.work(desk.document(made_pdf("a", "b")), rotations=turns)
    assert [page.rotation % 360 for page in desk.made.pages] == [90, 0]


BROKEN = "is broken: no PDF can be read from it"
ENCRYPTED = "is encrypted: give a PDF without a password"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", BROKEN),
        (b"no pdf", BROKEN),
        (b"%PDF-1.7\n" + bytes(1000), BROKEN),
        (made_pdf("a")[:200], BROKEN),
        (made_pdf(), "has no pages"),
        (made_pdf("a", encryption=Encryption(user="u", owner="o")), ENCRYPTED),
        (made_pdf("a", encryption=Encryption(user="", owner="o")), ENCRYPTED),
    ],
    ids=["empty", "text", "zeros", "cut", "no pages", "user", "owner"],
)
def test_what_cannot_be_merged_is_refused_with_a_sentence(desk: Desk, data: bytes, message: str) -> None:
    part = desk.document(data, "pdf.append.0")
    refusal = desk.refusal(desk.document(made_pdf("one")), part)
    assert refusal == {"field": "pdf.append.0", "message": message}


def test_a_damaged_document_that_can_be_read_is_merged_with_a_warning(desk: Desk) -> None:
    data = made_pdf("a").replace(b"startxref", b"startxxxx")
    answer = desk.work(desk.document(made_pdf("one")), desk.document(data, "pdf.append.0"))
    assert desk.texts == ["one", "a"]
    assert answer["warnings"] == [
        "pdf.append.0: is damaged; its pages are there as far as they could be read"
    ]


def test_so_many_pages_are_allowed_and_no_more(desk: Desk) -> None:
    printed, part = desk.document(made_pdf("a")), desk.document(made_pdf("b", "c"), "pdf.append.0")
    assert desk.work(printed, part, max_pages=3)["pages"] == 3
    assert desk.refusal(printed, part, max_pages=2) == {
        "field": "pdf",
        "message": "has 3 pages with all that is merged; at most 2 are allowed",
    }


def test_labels_stand_in_both_places_and_others_stay(desk: Desk) -> None:
    with pikepdf.open(desk.document(made_pdf("a"))["path"]) as pdf:
        pdf.docinfo["/Producer"], pdf.docinfo["/Author"] = "Skia", "nobody"
        pdf.save(desk.folder / "labelled")
    given = {"title": "Füße", "author": "A & B", "subject": "s", "keywords": "x, y", "language": "de"}
    desk.work(desk.document((desk.folder / "labelled").read_bytes()), labels=given)
    document = desk.made
    assert document.metadata is not None
    labels: dict[Any, Any] = dict(document.metadata)
    assert labels == {
        "/Producer": "Skia",
        "/Author": "A & B",
        "/Title": "Füße",
        "/Subject": "s",
        "/Keywords": "x, y",
    }
    assert desk.root["/Lang"] == "de"
    assert desk.root["/ViewerPreferences"]["/DisplayDocTitle"].value
    packet = document.xmp_metadata
    assert packet is not None
    assert packet.dc_title == {"x-default": "Füße"}
    assert packet.dc_creator == ["A & B"]
    assert packet.dc_language == ["de"]


def test_the_result_of_a_merge_has_the_labels_of_the_printed_document(desk: Desk) -> None:
    documents = []
    for title in ("cover", "report"):
        with pikepdf.open(desk.document(made_pdf(title))["path"]) as pdf:
            pdf.docinfo["/Title"], pdf.Root.Lang = title, pikepdf.String(f"{title[:2]}")
            pdf.save(desk.folder / title)
        documents.append(desk.document((desk.folder / title).read_bytes(), "pdf.prepend.0"))
    desk.work(*documents, printed=1)
    assert desk.made.metadata is not None
    assert desk.made.metadata.title == "report"
    assert desk.root["/Lang"] == "re"


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        ([], set()),
        (["print"], {"PRINT", "PRINT_TO_REPRESENTATION"}),
        (["copy"], {"EXTRACT"}),
        (["modify"], {"MODIFY"}),
        (["annotate", "fill_forms"], {"ADD_OR_MODIFY", "FILL_FORM_FIELDS"}),
        (["assemble"], {"ASSEMBLE_DOC"}),
    ],
)
def test_the_document_is_encrypted_and_allows_what_was_named(
    desk: Desk, permissions: list[str], allowed: set[str]
) -> None:
    protection = {"user": "üser", "owner": "öwner", "permissions": permissions}
    desk.work(desk.document(made_pdf("secret")), protection=protection)
    data = desk.output.read_bytes()
    assert b"secret" not in data
    assert b"/AESV3" in data
    assert desk.made.decrypt("wrong") is pypdf.PasswordType.NOT_DECRYPTED
    reader = desk.made
    assert reader.decrypt("öwner") is pypdf.PasswordType.OWNER_PASSWORD
    assert reader.decrypt("üser") is pypdf.PasswordType.USER_PASSWORD
    assert reader.pages[0].extract_text().strip() == "secret"
    given = reader.user_access_permissions
    assert given is not None
    known = {flag.name for flag in pypdf.constants.UserAccessPermissions if flag in given}
    names = known - {"EXTRACT_TEXT_AND_GRAPHICS"} - {name for name in known if name and name.startswith("R")}
    assert names == allowed


def test_a_small_document_shows_the_same_in_fewer_bytes(desk: Desk) -> None:
    texts = [f"page {number}" for number in range(60)]
    printed = desk.document(made_pdf(*texts, tagged=True))
    desk.work(printed, labels={"title": "t"})
    size = desk.output.stat().st_size
    assert desk.work(printed, labels={"title": "t"}, is_small=True)["pages"] == 60
    assert desk.output.stat().st_size < size * 0.6
    assert desk.texts == texts


@pytest.mark.parametrize("change", ["Annots", "Resources", "MediaBox", "Contents", "Rotate"])
def test_what_has_the_wrong_type_is_the_documents_fault(desk: Desk, change: str) -> None:
    with pikepdf.open(desk.document(made_pdf("a", "b", tagged=True))["path"]) as pdf:
        pdf.pages[1].obj[f"/{change}"] = pikepdf.Array([pikepdf.Name.Wrong, 7])
        pdf.save(desk.folder / "wrong")
    part = desk.document((desk.folder / "wrong").read_bytes(), "pdf.append.0")
    drawn = {"path": desk.document(made_pdf("x"))["path"], "field": "pdf.watermark.pdf", "page": 1}
    look = {"opacity": 1, "degrees": 0, "share": 1, "is_over": True, "pages": None}
    turn = {"degrees": 90, "pages": None}
    blamed = None
    try:
        desk.work(desk.document(made_pdf("one")), part, stamp=drawn | look, rotations=[turn])
    except Refusal as refusal:
        blamed = refusal.facts["field"]
    assert blamed in (None, "pdf.append.0"), "it is used as far as that goes, or refused"
