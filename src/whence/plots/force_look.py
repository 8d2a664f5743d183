"""Style and script of the force page; the script replaces the browser's own slow tooltips."""

from whence.plots.style import NEGATIVE, NEUTRAL, POSITIVE

CSS = f"""
.whence-force{{font:14px/1.45 system-ui,sans-serif;color:#1f2328;background:#fff;max-width:1100px;
padding:8px 12px;position:relative}}
.whence-force h3{{font-size:15px;margin:14px 0 0}}
.whence-force p{{margin:4px 0;color:#5f6672}}
.whence-force svg{{width:100%;height:auto;display:block}}
.whence-force text{{font:12px system-ui,sans-serif;fill:#1f2328}}
.whence-force .in{{pointer-events:none;fill:#fff}}
.whence-force .up .in{{fill:#1f1300}}
.whence-force .up path{{fill:{POSITIVE}}}
.whence-force .down path{{fill:{NEGATIVE}}}
.whence-force .left path{{fill:{NEUTRAL};stroke-dasharray:3 2}}
.whence-force path{{stroke:#fff;stroke-width:1}}
.whence-force path.axis{{stroke:#5f6672}}
.whence-force g[tabindex]:hover path,
.whence-force g[tabindex]:focus path{{stroke:#000;stroke-width:2.5}}
.whence-force g[tabindex]{{outline:none;cursor:default}}
.whence-force .key{{display:inline-block;width:12px;height:12px;margin:0 4px 0 12px}}
.whence-tip{{position:fixed;display:none;z-index:9;
max-width:420px;padding:6px 10px;background:#1f2328;
color:#fff;border-radius:4px;font-size:13px;pointer-events:none;overflow-wrap:anywhere}}
@media print{{.whence-force path{{print-color-adjust:exact;-webkit-print-color-adjust:exact}}}}
"""

JS = """
(function(){
  function attach(root){
    var tip = root.querySelector('.whence-tip');
    function show(g, x, y){
      tip.textContent = g.getAttribute('aria-label');
      tip.style.display = 'block';
      tip.style.left = Math.max(0, Math.min(x + 12, innerWidth - tip.offsetWidth - 8)) + 'px';
      var low = y + 18 + tip.offsetHeight > innerHeight;
      tip.style.top = (low ? y - tip.offsetHeight - 8 : y + 18) + 'px';
    }
    function hide(){ tip.style.display = 'none'; }
    root.querySelectorAll('g[tabindex]').forEach(function(g){
      var title = g.querySelector('title');
      if (title) { title.remove(); }
      g.addEventListener('mousemove', function(v){ show(g, v.clientX, v.clientY); });
      g.addEventListener('mouseleave', hide);
      g.addEventListener('focus', function(){
        var box = g.getBoundingClientRect(); show(g, box.left, box.bottom);
      });
      g.addEventListener('blur', hide);
      g.addEventListener('keydown', function(v){
        var next = v.key === 'ArrowRight' ? g.nextElementSibling
          : v.key === 'ArrowLeft' ? g.previousElementSibling : null;
        if (next && next.hasAttribute('tabindex')) { next.focus(); v.preventDefault(); }
        if (v.key === 'Escape') { hide(); }
      });
    });
  }
  var script = document.currentScript;
  var all = script ? [script.parentNode] : document.querySelectorAll('.whence-force');
  Array.prototype.forEach.call(all, attach);
})();
"""
