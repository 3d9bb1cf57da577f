// Comma-separated values (RFC 4180), as spreadsheets read and write them.

/** Of a spreadsheet in a country whose decimal mark is the comma, or one that was copied. */
const SEPARATORS = [',', ';', '\t'];

/**
 * The records of a text: `{line, fields}`, `line` being the number of its first line, from 1. Empty lines are none. Null where a quotation mark has no end.
 */
export function parseCSV(source) {
  const text = source.replace(/^\ufeff/, '');
  const separator = separatorOf(text);
  const records = [];
  let [fields, field, line, began, isQuoted, wasQuoted] = [[], '', 1, 1, false, false];
  const endField = () => {
    fields.push(wasQuoted ? field : field.trim());
    [field, wasQuoted] = ['', false];
  };
  const endRecord = () => {
    endField();
    if (fields.some((one) => one !== '')) records.push({ line: began, fields });
    fields = [];
    began = line;
  };
  for (let at = 0; at < text.length; at += 1) {
    const letter = text[at];
    if (letter === '\n') line += 1;
    if (isQuoted) {
      if (letter !== '"') field += letter;
      else if (text[at + 1] === '"') { field += '"'; at += 1; } else isQuoted = false;
    } else if (letter === '"' && field.trim() === '') {
      [isQuoted, wasQuoted, field] = [true, true, ''];
    } else if (letter === separator) {
      endField();
    } else if (letter === '\n') {
      endRecord();
    } else if (letter !== '\r') {
      field += letter;
    }
  }
  endRecord();
  return isQuoted ? null : records;
}

/** The one that the first line has most of. */
function separatorOf(text) {
  const first = text.split('\n', 1)[0];
  const count = (separator) => first.split(separator).length;
  return SEPARATORS.reduce((best, one) => (count(one) > count(best) ? one : best));
}

/** A text of records, for a spreadsheet. */
export function writeCSV(records) {
  return records.map((fields) => `${fields.map((field) => written(String(field ?? ''))).join(',')}\r\n`).join('');
}

/** What a spreadsheet would take for a formula is marked as text, behind another locale's separators too. */
function written(field) {
  const plain = field.replace(/(^|[;\t\n\r])(?=[=+\-@])/g, "$1'").replace(/^(?=[\t\r])/, "'");
  return /[",;\t\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
