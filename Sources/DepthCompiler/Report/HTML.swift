import Foundation

/// Pieces of HTML as text.
enum HTML {
    /// `text` with what HTML would read as markup escaped.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    /// A number with four significant digits.
    static func number(_ value: Double?) -> String {
        guard let value else { return "" }
        if value == 0 { return "0" }
        if !value.isFinite { return value.isNaN ? "nan" : value > 0 ? "∞" : "-∞" }
        return abs(value) >= 1e-3 && abs(value) < 1e6
            ? String(format: "%.4g", value) : String(format: "%.2e", value)
    }

    /// A table cell; `value` is what it is sorted by and the figure in full.
    struct Cell {
        var text: String
        var value: Double?
        var isNumber: Bool
        /// True when ``text`` is HTML already.
        var isMarkup = false

        static func text(_ text: String) -> Cell { Cell(text: text, value: nil, isNumber: false) }
        static func number(_ value: Double?, as text: String? = nil) -> Cell {
            Cell(text: text ?? HTML.number(value), value: value, isNumber: true)
        }

        static func markup(_ html: String) -> Cell { Cell(text: html, value: nil, isNumber: false, isMarkup: true) }

        var html: String {
            if isMarkup { return "<td>\(text)</td>" }
            guard isNumber else {
                return "<td\(text.count > 24 ? " class=\"w\"" : "")>\(HTML.escaped(text))</td>"
            }
            let data = value.map { " data-v=\"\($0)\"" } ?? ""
            return "<td class=\"n\"\(data)>\(HTML.escaped(text))</td>"
        }
    }

    static func heading(_ text: String) -> String { "<h2>\(escaped(text))</h2>\n" }
    static func note(_ text: String) -> String { "<p class=\"note\">\(escaped(text))</p>\n" }
    static func list(_ items: [String]) -> String {
        "<ul>\n\(items.map { "<li>\(escaped($0))</li>\n" }.joined())</ul>\n"
    }

    /// A whole page: title, paragraphs in front, and `body`, which may use the gradients of the colour bars.
    static func page(title: String, lead: [String], body: String, script: String = "") -> String {
        """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>\(escaped(title))</title>
        <style>
        \(style)</style></head><body>
        <h1>\(escaped(title))</h1>
        \(lead.map { "<p>\(escaped($0))</p>\n" }.joined())<svg width="0" height="0" style="position:absolute" \
        aria-hidden="true"><defs>\(ReportCharts.gradient(id: "depth-scale", .sequential))\
        \(ReportCharts.gradient(id: "error-scale", .diverging))</defs></svg>
        \(body)\(script.isEmpty ? "" : "<script>\n\(script)</script>\n")</body></html>

        """
    }

    /// A table in a box that scrolls sideways.
    static func table(
        id: String, heads: [(text: String, hint: String)], rows: [[Cell]], sortable: Bool = false
    ) -> String {
        var result = "<div class=\"scroll\"><table id=\"\(id)\"\(sortable ? " class=\"sortable\"" : "")>\n<thead><tr>"
        for head in heads {
            let text = escaped(head.text)
            let hint = head.hint.isEmpty ? "" : " title=\"\(escaped(head.hint))\""
            result += "<th scope=\"col\"\(hint)>\(sortable ? "<button type=\"button\">\(text)</button>" : text)</th>"
        }
        result += "</tr></thead>\n<tbody>\n"
        for row in rows { result += "<tr>\(row.map(\.html).joined())</tr>\n" }
        return result + "</tbody></table></div>\n"
    }

    static let style = """
        :root{color-scheme:light dark}
        body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;padding:1rem;max-width:75rem}h1,p,li,dd{overflow-wrap:anywhere}
        h1{font-size:1.4rem}h2{font-size:1.15rem;margin-top:2.2rem}
        p.note,figcaption,dd{opacity:.8}p.note,dd{font-size:.92rem;max-width:50rem}
        .scroll{overflow-x:auto}
        table{border-collapse:collapse;font-size:.87rem}
        th,td{padding:.28rem .55rem;border-bottom:1px solid #8886;text-align:left;vertical-align:top}
        td.w{min-width:min(19rem,48vw);max-width:26rem;overflow-wrap:anywhere}
        td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
        th{white-space:nowrap}th button{all:unset;cursor:pointer;font:inherit;font-weight:600;text-decoration:underline dotted}
        th button:focus-visible{outline:2px solid}
        th[aria-sort=ascending] button::after{content:" \\2191"}th[aria-sort=descending] button::after{content:" \\2193"}
        .row{display:grid;gap:.9rem;grid-template-columns:repeat(auto-fill,minmax(min(17rem,100%),1fr))}
        .maps{grid-template-columns:repeat(auto-fit,minmax(min(17rem,100%),1fr))}
        figure{margin:0;min-width:0}
        figure img{width:100%;height:auto;image-rendering:pixelated;display:block}
        figcaption{font-size:.88rem;margin:.2rem 0;overflow-wrap:anywhere}
        figure svg{width:100%;height:auto;display:block}svg text{fill:currentColor;font:11px system-ui,sans-serif}
        dt{font-weight:600;margin-top:.5rem}dd{margin-left:1rem}

        """

    /// Sorts a table by the column whose head is pressed; the second press turns the order around. Empty cells stay last.
    static let script = """
        for(const table of document.querySelectorAll("table.sortable")){
          const heads=[...table.tHead.rows[0].cells];
          heads.forEach((head,column)=>head.querySelector("button").addEventListener("click",()=>{
            const down=head.getAttribute("aria-sort")==="ascending";
            heads.forEach(other=>other.removeAttribute("aria-sort"));
            head.setAttribute("aria-sort",down?"descending":"ascending");
            const key=row=>{const cell=row.cells[column];
              return cell.classList.contains("n")?(cell.dataset.v===undefined?null:Number(cell.dataset.v))
                :cell.textContent||null};
            const rows=[...table.tBodies[0].rows];
            rows.sort((a,b)=>{const x=key(a),y=key(b);
              if(x===null||y===null)return(x===null)-(y===null);
              const order=typeof x==="number"?x-y:x.localeCompare(y);
              return down?-order:order});
            table.tBodies[0].append(...rows)}))}

        """
}
