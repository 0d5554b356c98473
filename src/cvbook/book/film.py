"""A film in the page: frames that play, stop and can be leafed through.

It needs neither a network nor a video codec.
"""

import base64
import html
import io
import json
from uuid import NAMESPACE_URL, uuid5

from IPython.display import HTML
from matplotlib.figure import Figure

_PAGE = """<figure class="film" id="{key}" style="background:#fff;color:#222;padding:.5em">
<img alt="{alt}" src="" style="max-width:100%">
<figcaption style="color:#222;display:flex;gap:.6em;align-items:center">
<button type="button">play</button>
<input type="range" min="0" max="{last}" value="{last}" style="flex:1" aria-label="frame">
<output style="min-width:6em"></output></figcaption></figure>
<script>(() => {{
  const frames = {frames}, names = {names};
  const box = document.getElementById("{key}");
  const range = box.querySelector("input"), button = box.querySelector("button");
  let timer = null;
  const show = i => {{
    box.querySelector("img").src = "data:image/webp;base64," + frames[i];
    box.querySelector("output").value = names[i];
    range.value = i;
  }};
  const stop = () => {{ clearInterval(timer); timer = null; button.textContent = "play"; }};
  button.onclick = () => {{
    if (timer) return stop();
    if (+range.value >= frames.length - 1) show(0);
    button.textContent = "stop";
    const next = () => +range.value < frames.length - 1 ? show(+range.value + 1) : stop();
    timer = setInterval(next, 350);
  }};
  range.oninput = () => {{ stop(); show(+range.value); }};
  show(frames.length - 1);
}})();</script>"""


def frame(figure: Figure) -> bytes:
    """A figure as it is now, as WebP."""
    out = io.BytesIO()
    figure.savefig(out, format="webp", dpi=80, facecolor="white")
    return out.getvalue()


def film(frames: list[bytes], names: list[str], alt: str) -> HTML:
    """Frames with a button and a slider; nothing moves until the reader asks for it.

    Args:
        frames: from `frame`; the last is shown first.
        names: of the frames, such as "epoch 3".
        alt: what is seen, for those who cannot see it.
    """
    key = "film-" + uuid5(NAMESPACE_URL, alt).hex[:8]
    shown = json.dumps([base64.b64encode(f).decode() for f in frames])
    return HTML(
        _PAGE.format(
            key=key,
            alt=html.escape(alt),
            last=len(frames) - 1,
            frames=shown,
            names=json.dumps(names),
        )
    )
