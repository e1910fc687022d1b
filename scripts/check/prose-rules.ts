import type { TextViolation } from "./text-violation.ts";

/** Generated code keeps its generator's lines. */
const SOURCE = /^(?!.*\/gen\/).*\.ts$/u;
const TESTS = /\.test\.ts$|^test\//u;
const DOCUMENT = /\.md$/u;
/** In columns. The formatter keeps code to it, but breaks neither comments nor literals. */
const SOURCE_COLUMNS_MAX = 110;
const DOCUMENT_COLUMNS_MAX = 120;
/** In characters, without what `${…}` stands for. */
const TITLE_MAX = 80;

/** Words that hide which component acts, or that stand for a term of docs/glossary.md. */
const WORDS: readonly (readonly [words: RegExp, instead: string])[] = [
  // In /etc/passwd the name stands between colons.
  [
    /(?<!:)\b(?:nobody|somebody|anybody|whoever|whomever|whom)\b(?!:)/iu,
    "name the component: a controller, a node",
  ],
  [/\banew\b/iu, "again; recreate, rebuild"],
  [/\bafresh\b/iu, "again; uncached"],
  [/\bmeanwhile\b/iu, "at the same time, concurrently, until then"],
  [/\bmend(?:s|ed|ing)?\b/iu, "fix, repair"],
  [/\bhearsay\b/iu, "an unverified report"],
  [/\b(?:go|goes|going|went) on\b(?! to\b)/iu, "continue"],
  [/\b(?:let|lets|letting) go of\b/iu, "release, delete, remove"],
  [/\b(?:come|comes|came) through\b/iu, "pass, survive"],
  [/\b(?:is|are|was|were|be|been) told\b/iu, "receives; is notified; is reported to"],
  [/\btells? (?:which|whether|where|what|how|when|whose|why)\b|\band tell\b/iu, "report, show, know"],
];

const COMMENT = /^\s*(?:\/\/|\/\*|\*)/u;
const LITERAL = /["'`]|\/.+\//u;
/** A line that is one literal, perhaps with the name of what has it. */
const LITERAL_LINE = /^\s*(?:[\w$.]+: |const \w+ = |return )?(["`])(?<text>.*)\1[,;]?(?: \+)?$/u;
const ADDRESS = /https?:\/\/\S+/gu;
const LINK_TARGET = /\]\([^)]*\)/gu;
const QUOTED = /`[^`]*`|"[^"]*"|“[^”]*”/gu;
const FENCE = /^\s*(?:```|~~~)/u;
const TABLE_ROW = /^\s*\|/u;
const BLOCK_QUOTE = /^\s*>/u;
const TITLE = /\b(?:it|describe|test)(?:\.\w+)?\(\s*(?:"((?:[^"\\]|\\.)*)"|`([^`]*)`)/gu;
const INTERPOLATION = /\$\{[^{}]*\}/gu;
const CASE_BOUNDARY = /(?<=[a-z])(?=[A-Z])/gu;

/** Lines of a source or a document that are not plain English, or too long to read. */
export function findProseViolations(path: string, content: string): readonly TextViolation[] {
  if (SOURCE.test(path))
    return [...sourceLines(path, content), ...(TESTS.test(path) ? longTitles(path, content) : [])];
  return DOCUMENT.test(path) ? documentLines(path, content) : [];
}

function sourceLines(path: string, content: string): readonly TextViolation[] {
  return content.split("\n").flatMap((text, index) => {
    const line = index + 1;
    const isBreakable = COMMENT.test(text) || !LITERAL.test(text) || hasWords(text);
    return [
      ...wordsIn(text.replaceAll(CASE_BOUNDARY, " ")).map((advice) => ({
        path,
        line,
        rule: "plain-words",
        advice,
      })),
      ...(isBreakable ? tooLong(text, SOURCE_COLUMNS_MAX) : []).map((advice) => ({
        path,
        line,
        rule: "line-length",
        advice,
      })),
    ];
  });
}

/** Whether a line is a literal of several words, which can continue with `+` on the next line. */
function hasWords(text: string): boolean {
  const words = LITERAL_LINE.exec(text)?.groups?.["text"]?.replaceAll(INTERPOLATION, "").trim();
  return words !== undefined && words.includes(" ") && !words.includes("${");
}

function documentLines(path: string, content: string): readonly TextViolation[] {
  let isInFence = false;
  return content.split("\n").flatMap((text, index) => {
    const isFence = FENCE.test(text);
    if (isFence) isInFence = !isInFence;
    if (isFence || isInFence) return [];
    const line = index + 1;
    const isQuotation = BLOCK_QUOTE.test(text);
    return [
      ...(isQuotation ? [] : wordsIn(text.replaceAll(LINK_TARGET, "]").replaceAll(QUOTED, ""))).map(
        (advice) => ({ path, line, rule: "plain-words", advice }),
      ),
      ...(TABLE_ROW.test(text) ? [] : tooLong(text.replaceAll(LINK_TARGET, "]"), DOCUMENT_COLUMNS_MAX)).map(
        (advice) => ({ path, line, rule: "line-length", advice }),
      ),
    ];
  });
}

function wordsIn(text: string): readonly string[] {
  return WORDS.flatMap(([words, instead]) => {
    const found = words.exec(text)?.[0];
    return found === undefined ? [] : [`"${found}": write instead: ${instead}`];
  });
}

function tooLong(text: string, columnsMax: number): readonly string[] {
  const columns = text.replaceAll(ADDRESS, "").length;
  return columns > columnsMax ? [`${columns} columns: at most ${columnsMax}`] : [];
}

/** Titles of tests. The reason for a behaviour belongs in a comment above its test. */
function longTitles(path: string, content: string): readonly TextViolation[] {
  return [...content.matchAll(TITLE)].flatMap((match) => {
    const characters = (match[1] ?? match[2] ?? "").replaceAll(INTERPOLATION, "").length;
    if (characters <= TITLE_MAX) return [];
    const line = content.slice(0, match.index).split("\n").length;
    return [{ path, line, rule: "test-title", advice: `${characters} characters: at most ${TITLE_MAX}` }];
  });
}
