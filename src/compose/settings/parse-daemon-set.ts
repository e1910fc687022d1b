const FORM = /^([^/,]+)\/([^/,]+)$/u;

/** Why a value of a setting such as `--daemon-set` is refused; undefined if it is good. */
export function daemonSetProblem(text: string): string | undefined {
  return FORM.test(text) ? undefined : "expected namespace/name";
}

/** The same for several with commas between them, such as `--node-daemon-set`. */
export function daemonSetsProblem(text: string): string | undefined {
  return text.split(",").every((each) => FORM.test(each))
    ? undefined
    : "expected namespace/name, or several with commas between them";
}

/** A DaemonSet from the value of such a setting; undefined if none is given. */
export function parseDaemonSet(
  text: string | undefined,
): { readonly namespace: string; readonly name: string } | undefined {
  const [, namespace, name] = FORM.exec(text ?? "") ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}
