import { logLibraryLines } from "./adapters/observe/library-lines.ts";
import { standardError } from "./adapters/observe/standard-error.ts";
import { logUncaughtErrors } from "./adapters/observe/uncaught-errors.ts";
import { endWithin } from "./adapters/system/end-within.ts";
import { answerNoRun, refusal } from "./cli/read-command-line.ts";
import { suggestion } from "./cli/read-values.ts";
import { driverVersion } from "./cli/version.ts";
import { runRole } from "./compose/roles/run-role.ts";
import { messageOf } from "./core/failure/message-of.ts";

const NAME = "azuredisk-csi-driver";

/** How long commands that change something may take once all else has ended, in milliseconds. */
const LEFT_OVER_MAX_MS = 30_000;

const HELP = `${NAME}: Azure Disk CSI Driver V2

Usage: ${NAME} <role> [settings]

Roles:
  controller           CSI controller service and the reconcilers
  node                 CSI node service of one node
  scheduler-extender   reports to kube-scheduler where a pod's volumes are, and where they can't be
  standalone           controller and one node in one process, without Kubernetes
  pre-stop             waits for the last volume of a node that is drained or shuts down: preStop of role node
  preflight            prints what the driver lacks in Azure and Kubernetes, with the command that fixes it
  status               prints record, attachments and events of a volume, or of each that is not fine
  store                the embedded object store, for controller and node without Kubernetes

${NAME} <role> --help lists a role's settings; ${NAME} --version prints the version.
`;

/** Each role loads only what it needs. */
const ROLES: Readonly<Record<string, (argv: readonly string[]) => Promise<number>>> = {
  controller: async (argv) =>
    runRole((await import("./compose/roles/controller-role.ts")).controllerRole, argv),
  node: async (argv) => runRole((await import("./compose/roles/node-role.ts")).nodeRole, argv),
  "pre-stop": async (argv) => (await import("./compose/roles/pre-stop-command.ts")).preStopCommand.run(argv),
  preflight: async (argv) =>
    (await import("./compose/roles/preflight-command.ts")).preflightCommand.run(argv),
  "scheduler-extender": async (argv) =>
    runRole((await import("./compose/roles/scheduler-extender-role.ts")).schedulerExtenderRole, argv),
  standalone: async (argv) =>
    runRole((await import("./compose/roles/standalone-role.ts")).standaloneRole, argv),
  status: async (argv) => (await import("./compose/roles/status-command.ts")).statusCommand.run(argv),
  store: async (argv) => runRole((await import("./compose/roles/store-role.ts")).storeRole, argv),
};

/** Runs the role that the first argument names. */
async function main([name = "", ...rest]: readonly string[]): Promise<number> {
  if (["-h", "--help", "help"].includes(name)) return answerNoRun({ kind: "Print", text: HELP });
  if (name === "--version") return answerNoRun({ kind: "Print", text: `${NAME} ${driverVersion}\n` });
  const run = Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
  if (run !== undefined) {
    logUncaughtErrors({ role: name });
    logLibraryLines({ role: name });
    return run(rest);
  }
  const names = Object.keys(ROLES);
  const got = name === "" ? "no role" : `got ${JSON.stringify(name)}`;
  return answerNoRun(
    refusal(NAME, [`${got}; expected a role: ${names.join(", ")}${suggestion(name, names)}`]),
  );
}

// Not awaited at the top level: the bundles are CommonJS, which takes less memory.
main(process.argv.slice(2))
  .then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      standardError({}).write(`${messageOf(error)}\n`);
      process.exitCode = 1;
    },
  )
  .finally(() => endWithin(LEFT_OVER_MAX_MS));
