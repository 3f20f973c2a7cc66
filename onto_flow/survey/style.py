"""The style of the page, light and dark."""

_TYPES = {
    "string": ("#4e79a7", "#7aa6d6"),
    "integer": ("#f28e2b", "#f6a95b"),
    "double": ("#edc948", "#f0d774"),
    "boolean": ("#59a14f", "#7fc275"),
    "timestamp": ("#b07aa1", "#cf9fc2"),
    "reference": ("#e15759", "#ee8283"),
    "array": ("#76b7b2", "#93cfca"),
    "map": ("#9c755f", "#bf9a84"),
    "geopoint": ("#2a9d8f", "#4cc0b1"),
    "vector": ("#6b5b95", "#9586bd"),
    "bytes": ("#8a8f98", "#a9aeb8"),
}
TYPES = tuple(_TYPES)

_LIGHT = {
    "ink": "#1d2733",
    "soft": "#5b6775",
    "line": "#dfe4ea",
    "page": "#f6f7f9",
    "card": "#fff",
    "accent": "#2f6fb3",
    "track": "#e8ecf0",
    "null": "#aab2bd",
}
_DARK = {
    "ink": "#e6e9ee",
    "soft": "#9aa5b3",
    "line": "#2c3541",
    "page": "#12161c",
    "card": "#1a2029",
    "accent": "#6aa9ee",
    "track": "#2a323d",
    "null": "#667080",
}
_BODY = """
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font-size:15px;line-height:1.5;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif}
main{max-width:1180px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;line-height:1.25;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:18px;margin:40px 0 12px}
h3{font-size:16px;margin:0;display:inline;overflow-wrap:anywhere}
p{margin:0 0 12px;color:var(--soft)}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0 0}
.card,.panel,details{background:var(--card);border:1px solid var(--line);border-radius:10px}
.card{padding:14px 16px}
.card b{display:block;font-size:22px;font-variant-numeric:tabular-nums}
.card span{color:var(--soft);font-size:13px}
.panel{padding:16px;overflow-x:auto}
details{margin:14px 0 0}
summary{padding:12px 16px;cursor:pointer}
summary span{color:var(--soft);margin-left:8px}
.scroll{overflow-x:auto;padding:0 16px 12px}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th{text-align:left;color:var(--soft);font-weight:600;font-size:12px;white-space:nowrap}
th,td{padding:6px 14px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.fields{table-layout:fixed;min-width:820px}
.fields th:nth-child(1){width:23%}
.fields th:nth-child(2){width:190px}
.fields th:nth-child(3),.fields th:nth-child(4){width:76px}
.fields th:nth-child(5){width:92px}
.f{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px;overflow-wrap:anywhere}
.v{color:var(--soft);overflow-wrap:anywhere}
.v b{color:var(--accent);font-weight:600}
.kind svg{display:block;margin:4px 0 2px}
.kind small{color:var(--soft);display:block}
.legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:12.5px;color:var(--soft);margin:0 0 14px}
.legend svg{vertical-align:-1px;margin-right:5px}
.track{fill:var(--track)}
.share,.documents{fill:var(--accent)}
.type-null{fill:var(--null)}
.chart{width:100%;height:auto;display:block}
.chart text,.diagram text{font-size:13px;fill:var(--ink)}
.chart .said,.diagram .said{fill:var(--soft);font-size:12px}
.diagram{display:block;width:100%;height:auto;margin:0 auto}
.diagram text{text-anchor:middle}
.collection rect{fill:var(--card);stroke:var(--accent);stroke-width:1.5}
.collection .name{font-weight:600}
.gone rect{stroke:var(--null);stroke-dasharray:4 3}
.arrow .line{fill:none;stroke:var(--soft);stroke-width:1.4;opacity:.75}
.arrow .near{fill:none;stroke:transparent;stroke-width:12}
.arrow .field{font-size:11.5px;fill:var(--soft);paint-order:stroke;stroke:var(--card);stroke-width:4px}
.doubtful .line{stroke-dasharray:3 4}
.arrow:hover .line{stroke:var(--accent);stroke-width:2.6;opacity:1}
.inside{stroke:var(--null);stroke-width:1.2;stroke-dasharray:2 4}
.head{fill:var(--soft)}
.warn{border-left:4px solid #e15759;padding:10px 14px;background:var(--card);margin:16px 0 0;overflow-wrap:anywhere}
"""


def style() -> str:
    """The whole of it; it names no font and no picture that would have to be loaded."""
    light = "".join(f".type-{name}{{fill:{colour}}}" for name, (colour, _) in _TYPES.items())
    dark = "".join(f".type-{name}{{fill:{colour}}}" for name, (_, colour) in _TYPES.items())
    named = [";".join(f"--{name}:{colour}" for name, colour in colours.items()) for colours in (_LIGHT, _DARK)]
    first = f":root{{color-scheme:light dark;{named[0]}}}"
    return f"{first}{_BODY}{light}\n@media (prefers-color-scheme:dark){{:root{{{named[1]}}}{dark}}}"
