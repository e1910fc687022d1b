import { grouped } from "../../cli/options.ts";

const FORM = /^([^/,]+)\/([^/,]+)$/u;

/** Why a value of a setting such as `--daemon-set` is refused; undefined if it is good. */
export function daemonSetProblem(text: string): string | undefined {
  return FORM.test(text) ? undefined : "expected namespace/name";
}

/** The same for several with commas between them, such as `--node-daemon-set`. */
function daemonSetsProblem(text: string): string | undefined {
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

/** How a controller tells its own node plug-ins from those of another driver. */
export const nodeDaemonSetOption = grouped("Kubernetes", {
  "node-daemon-set": {
    kind: "text",
    problem: daemonSetsProblem,
    help:
      "namespace/name of each DaemonSet of this driver's node plug-ins, with commas between them: pods of " +
      "any other that serve an Azure disk driver are another driver's (default: not checked)",
  },
});
