// Says where two scripts differ as a parser sees them: `node same_script.cjs TYPESCRIPT LIST`.
// LIST is JSON: [[name, one text, other text], ...]; spaces and comments do not count.
const fs = require("node:fs");
const ts = require(process.argv[2]);

/** The kinds of all nodes in order, with the text of those that have no children. */
function outline(name, text) {
  const file = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  if (file.parseDiagnostics.length) throw new Error(`${name}: ${file.parseDiagnostics[0].messageText}`);
  const found = [];
  const visit = (node) => {
    const leaf = !node.getChildren(file).some((child) => child.kind < ts.SyntaxKind.FirstJSDocNode);
    found.push(ts.SyntaxKind[node.kind] + (leaf ? ` ${node.getText(file)}` : ""));
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

for (const [name, one, other] of JSON.parse(fs.readFileSync(process.argv[3], "utf8"))) {
  const [a, b] = [outline(name, one), outline(name, other)];
  const at = a.findIndex((what, k) => what !== b[k]);
  if (at >= 0 || a.length !== b.length) console.log(`${name}: ${a[at]} became ${b[at]}`);
}
