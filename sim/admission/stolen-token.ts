/** The name by which a process that is no plug-in, and has a node's token, uses the store. */
export function stolenToken(nodeName: string): string {
  return `whatever has the token of ${nodeName}`;
}
