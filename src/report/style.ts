/** The style of the page. Colours are those of Okabe and Ito, which are told apart with any kind of colour vision. */
export const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--line:#d5dae0;--faint:#eef1f4;--paper:#fff;--link:#0b5cad;
--blue:#0072b2;--sky:#56b4e9;--orange:#d55e00;--amber:#e69f00;--green:#009e73;--pink:#b0568c;--grey:#9aa4af;
--steady:#0072b21a;--capped:#e69f0038;--slowed:#d55e0066;--gap:#8c959f55;--warn:#9a4100;--warnbg:#fff3e6}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ec;--soft:#a3adb8;--line:#343c45;--faint:#1d2329;--paper:#12161a;--link:#79b8f5;
--blue:#4ba3dc;--sky:#8fd0f5;--orange:#f0803c;--amber:#f0b840;--green:#35c49a;--pink:#dd8fbc;--grey:#6b7682;
--steady:#4ba3dc26;--capped:#f0b8403d;--slowed:#f0803c73;--gap:#8c959f55;--warn:#ffb27a;--warnbg:#33210f}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:1rem}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
header,nav,main,footer{max-width:1120px;margin:0 auto;padding:0 1.5rem}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:.15em}
a:focus-visible,button:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:2px}
main:focus{outline:none}
.skip{position:absolute;left:-999px}.skip:focus{left:1rem;top:.5rem;background:var(--paper);padding:.5rem;z-index:3}
.banner{margin:0;max-width:none;padding:.6rem 1.5rem;background:var(--warnbg);color:var(--warn);text-align:center;font-size:.9375rem}
header{padding-top:2.5rem}
.brand{margin:0;font-size:.875rem;font-weight:600;letter-spacing:.01em}.brand span{color:var(--soft);font-weight:400}
h1{margin:.25rem 0 0;font-size:clamp(1.5rem,1.1rem + 1.6vw,2.125rem);line-height:1.2;font-weight:650;letter-spacing:-.015em;overflow-wrap:anywhere}
.subject{margin:.375rem 0 0;color:var(--soft)}
nav{margin-top:1.25rem}nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:0;padding:.625rem 0;border:solid var(--line);border-width:1px 0}
nav a{font-size:.875rem;text-decoration:none;display:inline-block;padding:.125rem 0}nav a:hover{text-decoration:underline}
h2{margin:0 0 .75rem;font-size:1.25rem;line-height:1.3;font-weight:650;letter-spacing:-.01em}
h3{margin:1.5rem 0 .375rem;font-size:1rem;line-height:1.4;font-weight:600;overflow-wrap:anywhere}
section{padding:2.25rem 0 0}
p{margin:.375rem 0;max-width:72ch}
small{font-size:.8125rem;color:var(--soft)}
code,pre{font:.875em/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.note,.none{color:var(--soft);font-size:.9375rem}
.headline{padding:2rem 0 0}
.eyebrow{margin:0;color:var(--soft);font-size:.9375rem}
.quoted{margin:0;line-height:1.15;max-width:none}.quoted strong{font-size:clamp(2.25rem,1.6rem + 3vw,3.5rem);font-weight:650;letter-spacing:-.025em}
.quoted span{font-size:1.125rem;color:var(--soft);white-space:nowrap}
.how{color:var(--soft);font-size:.9375rem}
.who{font-weight:500;overflow-wrap:anywhere}
.sentences{margin:1rem 0 0;padding:0 0 0 1.1rem;max-width:76ch}.sentences li{margin:.25rem 0;overflow-wrap:anywhere}
.mark{display:inline-block;font-size:.75rem;font-weight:500;line-height:1.3;padding:.0625rem .4rem;border:1px solid currentColor;border-radius:.75rem;color:var(--soft);vertical-align:.1em}
.mark.warn{color:var(--warn)}
.bars{list-style:none;margin:.75rem 0 0;padding:0;display:grid;grid-template-columns:fit-content(24rem) 1fr auto;gap:0 1rem}
.bars li{display:grid;grid-template-columns:subgrid;grid-column:1/-1;align-items:center;padding:.1875rem 0}
.name{color:inherit;text-decoration:none;overflow-wrap:anywhere;font-size:.9375rem;line-height:1.35;padding:.125rem 0}.name:hover{text-decoration:underline}
.name b,h3 b,.who b,td b,summary b{display:inline-block;min-width:1.1em;color:var(--soft);font-weight:500}
.bars svg{display:block;overflow:visible}
.bars rect{fill:var(--blue)}.bars .command rect{fill:var(--green)}.bars .simulated rect{fill:var(--sky)}
.whisker line{stroke:var(--ink);stroke-width:1.5}
.value{white-space:nowrap;font-size:.9375rem;text-align:left}.value strong{font-weight:600}
.bars .axis text{fill:var(--soft);font-size:12px}.bars .axis{padding:0}.bars .axis svg{grid-column:2;border-top:1px solid var(--line)}
.planes{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1.5rem 3rem;margin-top:.5rem}
figure{margin:0}.limit{stroke:var(--soft);stroke-dasharray:1 5;stroke-linecap:round;stroke-width:2}.plane h3{margin-top:.5rem}.plane figcaption p{margin:0;font-size:.9375rem;color:var(--soft);min-height:1.5em}
.frame{padding:10px 10px 0 3.25rem}.frame svg,.still svg{overflow:visible;display:block}
.axis-x,.axis-y{margin:0;font-size:.8125rem;color:var(--soft)}.axis-y{padding-top:.625rem}.axis-x{text-align:right;padding-right:10px}
svg text{fill:var(--soft);font-size:12px;font-family:inherit}
.grid,.tick,.base{stroke:var(--line)}.grid{stroke-opacity:.75}.base{stroke:var(--grey)}
.front{stroke:var(--grey);stroke-dasharray:4 3}
.point{outline:none;cursor:pointer}.point .hit{fill:transparent}.point line{stroke:var(--grey);stroke-width:1.25}
.point .dot{fill:var(--grey);stroke:var(--paper);stroke-width:1.5}.point.best .dot{fill:var(--blue)}.point.best line{stroke:var(--blue)}
.point text{fill:var(--ink);font-weight:600}
.point.other path{fill:var(--paper);stroke:var(--orange);stroke-width:1.75}
.point:hover .hit,.point:focus-visible .hit{fill:var(--steady);stroke:var(--link);stroke-width:2}
.scroll{overflow-x:auto;margin-top:.5rem;border-bottom:1px solid var(--line)}
table{border-collapse:collapse;width:100%;font-size:.9375rem;line-height:1.35}
th,td{padding:.4375rem .625rem;text-align:left;vertical-align:baseline;border-top:1px solid var(--line)}
thead th{border-top:0;border-bottom:1px solid var(--grey);font-size:.8125rem;font-weight:600;vertical-align:bottom}
tbody tr:first-child>*{border-top:0}
tbody th{font-weight:400;min-width:11rem;max-width:26rem;overflow-wrap:anywhere}
th small{display:block;font-weight:400}
.number{text-align:right}td.number{white-space:nowrap}
thead button{font:inherit;color:inherit;background:none;border:0;padding:.25rem 0;margin:0;text-align:inherit;cursor:pointer;min-width:1.5rem;min-height:1.5rem}
thead button:hover{text-decoration:underline}
thead th:first-child button{white-space:nowrap}
th[aria-sort] button::after{content:" \\2191"}th[aria-sort=descending] button::after{content:" \\2193"}
.splits{list-style:none;margin:0;padding:0}.splits h3{margin:1.25rem 0 .25rem}.splits h3 a,.splits a{color:inherit;text-decoration:none}.splits a:hover{text-decoration:underline}
.split{display:grid;grid-template-columns:4rem 1fr;gap:0 1rem;align-items:center;margin:.25rem 0}.split p{grid-column:2;margin:0;font-size:.875rem;max-width:none}
.of{font-size:.8125rem;color:var(--soft)}
.split .none{grid-column:2}
.stack{display:block}.stack rect{stroke:var(--paper);stroke-width:1}
.key{white-space:nowrap;margin-right:.875rem}.key b{font-weight:500}.key i{display:inline-block;width:.75em;height:.75em;margin-right:.375em;border-radius:1px}
.why{display:block}
rect.bare{fill:var(--grey)}i.bare{background:var(--grey)}rect.parked{fill:var(--amber)}i.parked{background:var(--amber)}
rect.active{fill:var(--blue)}i.active{background:var(--blue)}rect.prefill{fill:var(--orange)}i.prefill{background:var(--orange)}
rect.decode{fill:var(--green)}i.decode{background:var(--green)}rect.mixed{fill:var(--pink)}i.mixed{background:var(--pink)}
rect.unknown{fill:var(--line)}i.unknown{background:var(--line)}
rect.steady{fill:var(--steady)}i.steady{background:var(--steady)}rect.capped{fill:var(--capped)}i.capped{background:var(--capped)}
rect.slowed{fill:var(--slowed)}i.slowed{background:var(--slowed)}rect.gap{fill:var(--gap)}i.gap{background:var(--gap)}
.key i{outline:1px solid var(--line)}
article{padding:.5rem 0 1rem;content-visibility:auto;contain-intrinsic-size:auto 9rem}article>h3{margin-top:1rem}
.findings,.left-out{list-style:none;margin:.5rem 0;padding:0;font-size:.9375rem}.findings li,.left-out li{margin:.25rem 0;overflow-wrap:anywhere;max-width:80ch}
.findings ul{padding-left:1.1rem}.findings summary{padding:.125rem 0;font-size:.8125rem;color:var(--soft)}
.findings span{font-size:.8125rem;font-weight:600;color:var(--soft)}.findings .warning span{color:var(--warn)}
.run,.config{border-top:1px solid var(--line)}.run:last-child,.config:last-child{border-bottom:1px solid var(--line)}
summary{cursor:pointer;padding:.5rem 0;overflow-wrap:anywhere;font-size:.9375rem;line-height:1.4}summary small{margin-left:.5rem}
.timeline{padding:.25rem 0 .75rem}.timeline figcaption{font-size:.8125rem;color:var(--soft);margin-bottom:.5rem}
.panel{padding:0 10px 0 3.25rem;margin-bottom:.625rem}.panel .of,.live .of{display:block;margin:0 0 .25rem -3.25rem}
.panel path{fill:none;stroke:var(--blue);stroke-width:1.25;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.panel.flight path{fill:var(--green);stroke:none;fill-opacity:.55}.panel.prefill path{fill:var(--pink);stroke:none;fill-opacity:.55}.panel.temperature path{stroke:var(--orange)}
.live{margin-right:10px}.live .of{margin:0 0 .125rem}
.readout{display:block;min-height:1.4em;font-size:.8125rem;color:var(--soft)}
.steps{display:grid;grid-template-columns:3.25rem 1fr;font-size:.8125rem;color:var(--soft);padding-bottom:.75rem}.steps ol{display:flex;flex-wrap:wrap;gap:0 1rem;list-style:none;margin:0;padding:0}.steps b{font-weight:500;color:var(--ink)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr));gap:0 2rem;margin:0;font-size:.9375rem}
.facts div{display:flex;gap:.75rem;justify-content:space-between;border-top:1px solid var(--line);padding:.3125rem 0}
dt{color:var(--soft)}.facts dd{margin:0;text-align:right;overflow-wrap:anywhere}
.method{margin:0;max-width:76ch}.method dt{font-weight:600;color:var(--ink);margin-top:.75rem}.method dd{margin:0}
blockquote{margin:0;padding:.125rem 0 .125rem 1rem;border-left:3px solid var(--line)}blockquote p{overflow-wrap:anywhere}
pre{margin:0 0 .75rem;padding:.75rem;background:var(--faint);overflow:auto;max-height:28rem;white-space:pre-wrap;overflow-wrap:anywhere}
footer{margin-top:3rem;padding-bottom:2.5rem;color:var(--soft);font-size:.875rem}footer p{border-top:1px solid var(--line);padding-top:.75rem;max-width:none}
#tip{position:absolute;z-index:2;max-width:min(22rem,90vw);padding:.375rem .625rem;background:var(--ink);color:var(--paper);font-size:.8125rem;line-height:1.4;border-radius:4px;pointer-events:none;overflow-wrap:anywhere}
[hidden]{display:none!important}
@media (max-width:720px){
header,nav,main,footer{padding-left:1rem;padding-right:1rem}header{padding-top:1.5rem}
nav ul{gap:.125rem 1rem}
.bars{display:block}.bars li{grid-template-columns:1fr;gap:0;padding:.4375rem 0}.bars .axis svg{grid-column:1}.bars .value{white-space:normal}
.split{grid-template-columns:1fr}.split p,.split .none{grid-column:1}
.frame,.panel{padding-left:2.75rem}.panel .of{margin-left:-2.75rem}
summary small{display:block;margin:0}.steps{grid-template-columns:1fr}
.quoted span{white-space:normal}
}
@media print{
:root{--ink:#000;--soft:#444;--line:#ccc;--paper:#fff;--faint:#f4f4f4;--link:#000;--blue:#0072b2;--sky:#56b4e9;--orange:#d55e00;--amber:#e69f00;--green:#009e73;--pink:#b0568c;--grey:#9aa4af;--steady:#0072b21a;--capped:#e69f0038;--slowed:#d55e0066;--gap:#8c959f55;--warn:#9a4100;--warnbg:#fff}
nav,.skip,.readout,.live,#tip{display:none!important}.still{display:block!important}
body{font-size:10.5pt;print-color-adjust:exact;-webkit-print-color-adjust:exact}
figure,.bars li,tr,.splits li{break-inside:avoid}h2,h3{break-after:avoid}pre{max-height:none}
.scroll{overflow:visible}article{content-visibility:visible}table{font-size:8.5pt}th,td{padding:.2rem .3rem}tbody th{min-width:0}
}
`.trim()
