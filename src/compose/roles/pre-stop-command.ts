import { isDaemonSetStaying } from "../../adapters/kubernetes/is-daemon-set-staying.ts";
import { createOwnNode } from "../../adapters/kubernetes/own-node.ts";
import { createPinoLogger } from "../../adapters/observe/pino-logger.ts";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { answerNoRun } from "../../cli/read-command-line.ts";
import { waitUntilDrained } from "../../node/lifecycle/wait-until-drained.ts";
import { withTimeout } from "../../runtime/with-timeout.ts";
import { apiServerConfig, connectKubernetes, kubernetesOptions } from "../connect/connect-store.ts";
import { readCheckpoints } from "../connect/open-checkpoints.ts";
import { daemonSetProblem, parseDaemonSet } from "../settings/daemon-set-options.ts";
import { nodeNameProblem } from "../settings/name-problems.ts";
import { driverNameOption, nodeOptions, processOptions } from "../settings/process-options.ts";
import { readSettings } from "../settings/read-settings.ts";
import { WrongSetting, wrongSettings } from "../settings/wrong-setting.ts";

const name = "pre-stop";

const options = {
  ...grouped("Node", {
    "node-name": {
      kind: "text",
      problem: nodeNameProblem,
      help: "Name of this node (default: what the environment variable KUBE_NODE_NAME says)",
    },
  }),
  ...kubernetesOptions,
  ...driverNameOption,
  "state-dir": nodeOptions["state-dir"],
  ...grouped("Wait", {
    "daemon-set": {
      kind: "text",
      problem: daemonSetProblem,
      help:
        "namespace/name of the plug-in's DaemonSet: the wait ends once that is being removed (default: not " +
        "checked)",
    },
    "wait-max-ms": {
      kind: "number",
      default: 3_600_000,
      min: 0,
      max: 86_400_000,
      help: "Limit for the wait; the kubelet ends it sooner, once the pod's grace period is over",
    },
  }),
  "log-level": processOptions["log-level"],
} as const;

/** Runs before a node plug-in's container is stopped (`lifecycle.preStop.exec` of its DaemonSet). */
export const preStopCommand = {
  name,
  options,
  /** On a node that is drained or shuts down, waits until its volumes have gone. Returns the exit code. */
  run: async (argv: readonly string[]): Promise<number> => {
    const command = await readSettings({ name, usage, options, problems }, argv);
    return command.kind === "Run"
      ? waitForVolumes(command.values, nodeNameOf(command.values))
      : answerNoRun(command);
  },
};

const usage =
  "azuredisk-csi-driver pre-stop\n\n" +
  "Returns at once, except on a node that is being drained, shuts down or is gone: there, " +
  "once no volume of the driver is staged or published any more.";

const problems = (values: Values<typeof options>): Promise<readonly string[]> =>
  wrongSettings(
    () => nodeNameOf(values),
    () => apiServerConfig(values),
  );

function nodeNameOf(values: Values<typeof options>): string {
  const nodeName = values.nodeName ?? process.env["KUBE_NODE_NAME"];
  if (nodeName === undefined)
    throw new WrongSetting("--node-name: must be given, or the environment variable KUBE_NODE_NAME be set");
  return nodeName;
}

async function waitForVolumes(values: Values<typeof options>, nodeName: string): Promise<number> {
  const logger = createPinoLogger({ level: values.logLevel, fields: { role: name } });
  const clock = systemClock;
  const connection = await connectKubernetes(values, name, { clock, random: systemRandom });
  const daemonSet = parseDaemonSet(values.daemonSet);
  const ownNode = createOwnNode({ client: connection.apiClient, nodeName, driverName: values.driverName });
  const readCheckpointedVolumes = async (): Promise<readonly string[]> =>
    (await readCheckpoints(values.stateDir)).volumes.map(({ volumeName }) => volumeName);
  const wait = async (signal: AbortSignal): Promise<number> => {
    try {
      // The driver's rights are removed with it: the API server would refuse each retry until the pod's
      // grace period is over.
      if (daemonSet !== undefined && !(await isDaemonSetStaying(connection.apiClient, daemonSet, signal))) {
        logger.info("the driver is being removed: nothing to wait for", { nodeName });
        return 0;
      }
      const isEmptied = await waitUntilDrained(
        { ownNode, store: connection.store, readCheckpointedVolumes, nodeName, clock, logger },
        signal,
      );
      if (isEmptied) logger.info("the node is being emptied, and no volume is left", { nodeName });
      else logger.info("the node is not being emptied: nothing to wait for", { nodeName });
      return 0;
    } catch (error) {
      if (!signal.aborted) throw error;
      logger.warn("time is over: volumes are left on this node", { nodeName });
      return 1;
    }
  };
  try {
    return await withTimeout(clock, values.waitMaxMs, wait);
  } finally {
    connection.close();
  }
}
