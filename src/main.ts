import { runRole } from "./compose/roles/run-role.ts";

const HELP = `azuredisk-csi-driver: Azure Disk CSI Driver V2

Usage: azuredisk-csi-driver <role> [settings]

Roles:
  controller           CSI controller service and the reconcilers
  node                 CSI node service of one node
  scheduler-extender   reports to kube-scheduler where a pod's volumes are, and where they can't be
  standalone           controller and one node in one process, without Kubernetes
  pre-stop             waits for the last volume of a node that is being drained: preStop hook of role node
  store                the embedded object store, for controller and node without Kubernetes

azuredisk-csi-driver <role> --help lists a role's settings.
`;

/** Runs the role that the first argument names; each role loads only what it needs. */
async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  switch (name) {
    case "controller":
      return runRole((await import("./compose/roles/controller-role.ts")).controllerRole, rest);
    case "node":
      return runRole((await import("./compose/roles/node-role.ts")).nodeRole, rest);
    case "pre-stop":
      return (await import("./compose/roles/pre-stop-command.ts")).preStopCommand.run(rest);
    case "scheduler-extender":
      return runRole(
        (await import("./compose/roles/scheduler-extender-role.ts")).schedulerExtenderRole,
        rest,
      );
    case "standalone":
      return runRole((await import("./compose/roles/standalone-role.ts")).standaloneRole, rest);
    case "store":
      return runRole((await import("./compose/roles/store-role.ts")).storeRole, rest);
    case "--help":
    case "help":
      process.stdout.write(HELP);
      return 0;
    default:
      process.stderr.write(
        `${name === undefined ? "no role given" : `there is no role ${JSON.stringify(name)}`}\n\n${HELP}`,
      );
      return 2;
  }
}

// Not awaited at the top level: the bundles are CommonJS, which takes less memory.
main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);
