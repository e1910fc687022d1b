/** The name under which a process other than the plug-in uses the store with a node's token. */
export function stolenToken(nodeName: string): string {
  return `whatever has the token of ${nodeName}`;
}
