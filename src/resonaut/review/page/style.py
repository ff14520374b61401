"""The looks of the page, on a screen and on paper. No font, no picture, nothing from outside."""

from __future__ import annotations

from resonaut.plot.style import PALETTE_6

PASS, FAIL, NONE = "#1f5fbf", "#b3261e", "#5c5c5c"
"""Blue and dark red: told apart by colour-blind readers, and never without a sign and a word."""

CSS = f"""
:root {{ --ink: #1a1a1a; --soft: #555; --line: #d9d9d9; --tint: #f5f7fa; --accent: {PALETTE_6[0]};
  --link: #1f4fa3; }}
* {{ box-sizing: border-box; }}
html {{ scroll-behavior: smooth; scroll-padding-top: 1rem; }}
@media (prefers-reduced-motion: reduce) {{ html {{ scroll-behavior: auto; }} }}
body {{ margin: 0; color: var(--ink); background: #fff; -webkit-text-size-adjust: 100%;
  font: 16px/1.55 "Source Sans 3", "Segoe UI", Roboto, "Helvetica Neue", Arial, "Liberation Sans",
  sans-serif; }}
.skip {{ position: absolute; left: -99rem; }}
.skip:focus {{ left: 1rem; top: 1rem; background: #fff; padding: .5rem 1rem; z-index: 2; }}
.frame {{ display: grid; grid-template-columns: 15rem minmax(0, 1fr); max-width: 92rem; margin: 0 auto; }}
nav {{ position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto;
  padding: 2rem .5rem 2rem 1.5rem; font-size: .9rem; }}
nav ol {{ list-style: none; margin: 0; padding: 0; }} nav ol ol {{ padding-left: .9rem; font-size: .93em; }}
nav a {{ display: block; padding: .16rem .5rem; color: var(--soft); text-decoration: none;
  border-left: 2px solid transparent; overflow-wrap: anywhere; }}
nav a:hover {{ color: var(--ink); border-color: var(--accent); }}
nav .name {{ font-weight: 700; color: var(--ink); margin: 0 0 .6rem .55rem; }}
main {{ padding: 2rem 2.5rem 6rem 2rem; min-width: 0; }}
a {{ color: var(--link); }} :focus-visible {{ outline: 3px solid var(--accent); outline-offset: 2px; }}
header .above {{ margin: 0; color: var(--soft); letter-spacing: .02em; }}
h1 {{ font-size: 2rem; line-height: 1.2; margin: .1rem 0 1.2rem; }}
h2 {{ font-size: 1.45rem; margin: 3.2rem 0 .8rem; padding-bottom: .3rem;
  border-bottom: 2px solid var(--accent); }}
h3 {{ font-size: 1.12rem; margin: 1.8rem 0 .5rem; }}
p, ul {{ max-width: 48rem; margin: .5rem 0 .8rem; }} .soft {{ color: var(--soft); }}
section > p.lead {{ font-size: 1.08rem; }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem;
  margin: 1rem 0; }}
.card {{ border: 1px solid var(--line); border-top: 4px solid var(--accent); border-radius: 4px;
  padding: .8rem 1rem; background: #fff; }}
.card .label {{ font-size: .88rem; color: var(--soft); margin: 0; }}
.card .value {{ font-size: 1.65rem; line-height: 1.3; margin: .1rem 0;
  font-variant-numeric: tabular-nums; }}
.card .more {{ font-size: .88rem; margin: 0; color: var(--soft); }}
.verdict {{ border-left: 6px solid var(--line); background: var(--tint); padding: .7rem 1.1rem;
  max-width: none; }}
.verdict.good {{ border-color: {PASS}; }} .verdict.bad {{ border-color: {FAIL}; background: #fdf1f0; }}
.scroll {{ overflow-x: auto; max-width: 100%; margin: .8rem 0 1.2rem; }}
table {{ border-collapse: collapse; font-size: .92rem; line-height: 1.4; }}
caption {{ text-align: left; color: var(--soft); padding-bottom: .35rem; max-width: 48rem; }}
th, td {{ padding: .32rem .8rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line);
  font-weight: 400; }}
thead th {{ border-bottom: 2px solid var(--ink); font-weight: 600; vertical-align: bottom; }}
tbody th {{ font-weight: 600; }}
tbody tr:last-child > * {{ border-bottom: 2px solid var(--ink); }}
.number {{ text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }}
tr.best > *, .mark {{ background: #fff6df; }}
.ends {{ display: inline-flex; flex-direction: column; vertical-align: middle; font-size: .74em;
  line-height: 1.15; }}
.pass {{ color: {PASS}; white-space: nowrap; }} .fail {{ color: {FAIL}; font-weight: 700;
  white-space: nowrap; }}
.none {{ color: {NONE}; white-space: nowrap; }}
.lights td {{ text-align: left; }} .lights .sign {{ display: inline-block; width: 1.3em;
  font-weight: 700; }}
td.key, th.key, code {{ font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
  font-size: .86em; overflow-wrap: break-word; font-weight: 400; }}
sup, sub {{ line-height: 0; }}
td.wide {{ min-width: 14rem; max-width: 30rem; overflow-wrap: anywhere; }}
figure {{ margin: 1.4rem 0 2rem; }} figure img {{ display: block; max-width: 100%; height: auto;
  border: 1px solid var(--line); background: #fff; }}
.drawing {{ overflow-x: auto; }} figure:has(.full:checked) img {{ max-width: none; }}
.file input {{ margin: 0 .2rem 0 0; vertical-align: middle; }}
figcaption {{ font-size: .95rem; max-width: 52rem; margin-top: .5rem; }}
figcaption .title {{ font-weight: 600; }}
.files {{ display: flex; flex-wrap: wrap; gap: .5rem; margin: .4rem 0; }}
.file {{ border: 1px solid var(--link); border-radius: 3px; padding: .05rem .55rem; font-size: .85rem;
  text-decoration: none; color: var(--link); }} .file:hover {{ background: var(--tint); }}
details {{ margin: .4rem 0; }} summary {{ cursor: pointer; color: var(--link); font-size: .92rem; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: var(--tint);
  border: 1px solid var(--line);
  padding: .7rem .9rem; font: .82rem/1.45 ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono",
  monospace; }}
dl {{ display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem 1.2rem;
  margin: .6rem 0; }}
dt {{ color: var(--soft); }} dd {{ margin: 0; overflow-wrap: anywhere; }}
footer {{ margin-top: 4rem; color: var(--soft); font-size: .88rem; border-top: 1px solid var(--line);
  padding-top: .8rem; }}
@media (max-width: 60rem) {{ .frame {{ display: block; }} nav {{ position: static; max-height: none;
  padding-bottom: 0; }}
  main {{ padding: 1rem 1.2rem 4rem; }} nav ol ol {{ display: none; }}
  dl {{ display: block; }} dd {{ margin-bottom: .4rem; }} }}
@page {{ size: A4; margin: 16mm 14mm; }}
@media print {{
  body {{ font-size: 10pt; }} .frame {{ display: block; }} main {{ padding: 0; }} nav, .skip,
  .files {{ display: none; }}
  h1 {{ font-size: 20pt; }} h2 {{ font-size: 15pt; break-before: page; margin-top: 0; }}
  section:first-of-type h2 {{ break-before: avoid; }}
  #seeds h2, #costs h2, #sources h2 {{ break-before: auto; margin-top: 9mm; }}
  .cards {{ grid-template-columns: repeat(4, 1fr); gap: 3mm; }} .card .value {{ font-size: 14pt; }}
  tbody th:not(.key) {{ white-space: nowrap; }}
  h2, h3, caption {{ break-after: avoid; }}
  figure, .card, .verdict, tr, dl > * {{ break-inside: avoid; }} thead {{ display: table-header-group; }}
  figure img {{ max-height: 225mm; width: auto; max-width: 100%; border: 0; margin: 0 auto; }}
  .scroll, .drawing {{ overflow: visible; }} table {{ font-size: 8pt; max-width: 100%; }} th,
  td {{ padding: 1.5pt 4pt; }}
  .number, .pass, .fail, .none {{ white-space: normal; }} td.wide {{ min-width: 0; }}
  details:not([open]) {{ display: none; }} a {{ color: inherit; text-decoration: none; }}
  * {{ -webkit-print-color-adjust: exact; print-color-adjust: exact; }}
}}
"""
