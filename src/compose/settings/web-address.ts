/** Why `text` is no address of a service over HTTP; undefined if it is one. */
export function webAddressProblem(text: string): string | undefined {
  const { protocol } = URL.canParse(text) ? new URL(text) : { protocol: "" };
  return protocol === "https:" || protocol === "http:" ? undefined : "expected https://… or http://…";
}
