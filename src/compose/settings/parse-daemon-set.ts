/**
 * A DaemonSet from the value of a setting such as `--daemon-set`; undefined if none is given. Throws
 * with a sentence if it is not namespace/name.
 */
export function parseDaemonSet(
  text: string | undefined,
  setting = "daemon-set",
): { readonly namespace: string; readonly name: string } | undefined {
  if (text === undefined) return undefined;
  const [namespace, name, ...more] = text.split("/");
  if (namespace === undefined || namespace === "" || name === undefined || name === "" || more.length > 0)
    throw new Error(`--${setting} is ${JSON.stringify(text)}: must be namespace/name`);
  return { namespace, name };
}
