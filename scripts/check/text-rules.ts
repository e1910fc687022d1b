import { findProseViolations } from "./prose-rules.ts";
import type { TextViolation } from "./text-violation.ts";

/** A rule about text that none of our linters has. */
interface TextRule {
  readonly name: string;
  readonly pattern: RegExp;
  readonly advice: string;
}

const RULES: readonly TextRule[] = [
  {
    name: "open-work",
    pattern: /\b(?:TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))/u,
    advice: "open work names its issue: TODO(#123)",
  },
  {
    name: "machine-path",
    pattern: /(?<![\w.])\/(?:work\/(?:main|shared)|root\/|tmp\/bash)/u,
    advice: "a path of one machine: make it relative or a setting",
  },
  {
    name: "registry-host",
    pattern: /https?:\/\/(?:registry\.npmjs\.org|proxy\.golang\.org)|_authToken/u,
    advice: "the registry belongs to the machine, not to the repository",
  },
];

/** A call whose message is not one literal: lines of a log are found and counted by their message. */
const VARIABLE_LOG_MESSAGE = /\blogger\??\.(?:debug|info|warn|error)\((?!\s*"[^"\n]*"\s*[,)])/gu;

function findVariableLogMessages(path: string, content: string): readonly TextViolation[] {
  if (!path.endsWith(".ts")) return [];
  return [...content.matchAll(VARIABLE_LOG_MESSAGE)].map(({ index }) => ({
    path,
    line: content.slice(0, index).split("\n").length,
    rule: "log-message",
    advice: "a log message is one literal; what varies is a field",
  }));
}

/** The lines of one file that break a rule. */
export function findTextViolations(path: string, content: string): readonly TextViolation[] {
  const lines = content.split("\n").flatMap((text, index) =>
    RULES.filter((rule) => rule.pattern.test(text)).map((rule) => ({
      path,
      line: index + 1,
      rule: rule.name,
      advice: rule.advice,
    })),
  );
  return [...lines, ...findVariableLogMessages(path, content), ...findProseViolations(path, content)];
}
