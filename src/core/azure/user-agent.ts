/** A part of the User-Agent of calls to Azure: products and comments, as in RFC 9110, section 10.1.5. */
export const userAgentPattern = /^[!-~](?:[ -~]{0,198}[!-~])?$/u;

/** What `userAgentPattern` asks of a value. */
export const userAgentRule = "must have 1 to 200 printable ASCII characters, and no space at either end";

/** What is wrong with a flag's part of a User-Agent; undefined: nothing. V1's chart gives "" for none. */
export function userAgentProblem(part: string): string | undefined {
  return part === "" || userAgentPattern.test(part) ? undefined : userAgentRule;
}
