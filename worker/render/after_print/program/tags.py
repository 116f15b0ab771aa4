"""Keeps the tags of documents that are joined. Screen readers need them to read a document aloud.

A tagged PDF has a tree of its structure, and for each page a number under which a second tree knows the
structure elements of that page (ISO 32000-2, 14.7). qpdf copies pages without either. Here the trees of
several documents become one, in which the numbers of each document begin where those of the last one end.
"""

from typing import Final

import pikepdf
from pikepdf import Array, Dictionary, Name, NumberTree, Object

_PAGE_KEY: Final = "/StructParents"
_OBJECT_KEY: Final = "/StructParent"


class Tags:
    """The tags of one joined document.

    Attributes:
        are_lost: whether a tagged document has lost its tags, as not all of its pages were taken.
    """

    def __init__(self, pdf: pikepdf.Pdf) -> None:
        self.are_lost = False
        self._pdf = pdf
        self._next_key = 0

    def carry(self, source: pikepdf.Pdf, pages: list[pikepdf.Page], *, is_whole: bool) -> None:
        """Carry the tags of a document whose pages were just copied.

        Args:
            source: the document.
            pages: the copies.
            is_whole: whether they are all pages of the document in their order. Otherwise its tags would
                speak of what is not there, and are left out.
        """
        root = source.Root.get(Name.StructTreeRoot)
        is_tagged = isinstance(root, Dictionary) and root.is_indirect and Name.ParentTree in root
        if root is None or not (is_tagged and is_whole):
            self.are_lost |= is_tagged
            _number(pages, None)
            return
        # Pages that it points to are those that were copied before: qpdf knows them.
        copied = self._pdf.copy_foreign(root)
        used = _number(pages, self._next_key)
        entries = NumberTree(copied.ParentTree)
        if not self._next_key:
            self._pdf.Root.StructTreeRoot = copied
            self._pdf.Root.MarkInfo = Dictionary(Marked=True)
            self._next_key = max([used, *(key + 1 for key in entries)])
        else:
            self._join(copied, entries, used)
        self._pdf.Root.StructTreeRoot.ParentTreeNextKey = self._next_key

    def _join(self, copied: Object, entries: NumberTree, used: int) -> None:
        root = self._pdf.Root.StructTreeRoot
        known = NumberTree(root.ParentTree)
        start = self._next_key
        for key, value in entries.items():
            known[start + key] = value
            used = max(used, start + key + 1)
        self._next_key = used
        elements = _as_list(root.get(Name.K))
        for element in _as_list(copied.get(Name.K)):
            element.P = root
            elements.append(element)
        root.K = Array(elements)
        for name in (Name.RoleMap, Name.ClassMap):
            theirs = copied.get(name, Dictionary())
            ours = root.get(name, Dictionary())
            root[name] = Dictionary({**dict(theirs.items()), **dict(ours.items())})


def _as_list(kids: Object | None) -> list[Object]:
    if kids is None:
        return []
    return list(kids) if isinstance(kids, Array) else [kids]


def _number(pages: list[pikepdf.Page], start: int | None) -> int:
    """Move the numbers in pages by `start`, or remove them (None). Returns the next number that is free."""
    following = start or 0
    seen: set[tuple[int, int]] = set()
    for page in pages:
        holders = [page.obj, *_annotations(page), *_drawn(page)]
        for holder in holders:
            if holder.is_indirect:
                if holder.objgen in seen:
                    continue
                seen.add(holder.objgen)
            for key in (_PAGE_KEY, _OBJECT_KEY):
                if (number := holder.get(key)) is None:
                    continue
                if start is None:
                    del holder[key]
                else:
                    holder[key] = start + int(number)
                    following = max(following, start + int(number) + 1)
    return following


def _annotations(page: pikepdf.Page) -> list[Object]:
    found = page.obj.get(Name.Annots)
    return [one for one in found if isinstance(one, Dictionary)] if isinstance(found, Array) else []


def _drawn(page: pikepdf.Page) -> list[Object]:
    resources = page.obj.get(Name.Resources)
    drawn = resources.get(Name.XObject) if isinstance(resources, Dictionary) else None
    return list(drawn.values()) if isinstance(drawn, Dictionary) else []
