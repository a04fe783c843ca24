"""The model card as HTML."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

LEVELS_DOWN = 2
"""Levels by which headings are lowered: the page has two of its own above."""


@lru_cache(maxsize=1)
def rendered(card: str) -> str:
    """Convert Markdown to HTML without pictures, which are beside the model, and links other than to web pages.

    The last card is kept: a process reads many videos with one model.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    markdown.add_render_rule("image", _image)
    tokens = markdown.parse(card)
    for token in tokens:
        if token.type.startswith("heading"):
            token.tag = f"h{min(6, int(token.tag[1]) + LEVELS_DOWN)}"
        for inner in token.children or ():
            _open_web_pages_only(inner)
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    return html.replace("<table>", '<div class="scroll" tabindex="0"><table>').replace("</table>", "</table></div>")


def _open_web_pages_only(token: Token) -> None:
    if token.type == "link_open" and not str(token.attrGet("href")).startswith(("https://", "http://")):
        token.attrs = {}


def _image(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return f"<em>Figure: {renderer.renderInlineAsText(tokens[index].children or [], options, env)}.</em>"
