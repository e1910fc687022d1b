import { createPinoLogger } from "../../adapters/observe/pino-logger.ts";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { answerNoRun } from "../../cli/read-command-line.ts";
import { withTimeout } from "../../runtime/with-timeout.ts";
import { reachAzure } from "../connect/connect-cloud.ts";
import { apiServerConfig, connectKubernetes, kubernetesOptions } from "../connect/connect-store.ts";
import { checkAzure } from "../preflight/azure-checks.ts";
import { checkDiskQuotas } from "../preflight/disk-quotas.ts";
import { describeFindings, type Finding } from "../preflight/finding.ts";
import { checkKubernetes } from "../preflight/kubernetes-checks.ts";
import { instanceOptions, metadataService } from "../settings/instance-options.ts";
import { azureOptions, driverNameOption, processOptions } from "../settings/process-options.ts";
import { readSettings } from "../settings/read-settings.ts";
import { volumeOptions } from "../settings/volume-options.ts";
import { wrongSettings } from "../settings/wrong-setting.ts";

const name = "preflight";
/** For all checks together, in milliseconds: a service that is not reached answers nothing. */
const LIMIT_MS = 120_000;

const options = {
  ...kubernetesOptions,
  ...driverNameOption,
  ...azureOptions,
  ...instanceOptions,
  "silent-nodes": volumeOptions["silent-nodes"],
  ...grouped("Preflight", {
    "without-kubernetes": { kind: "flag", help: "Check Azure alone" },
    json: { kind: "flag", help: "Print the findings as one JSON list" },
  }),
  "log-level": processOptions["log-level"],
} as const;

/** Looks for what the driver needs and does not have, before or after its installation. */
export const preflightCommand = {
  name,
  options,
  /** Prints what was found. Returns 1 if something is missing, else 0: also if some is unknown. */
  run: async (argv: readonly string[]): Promise<number> => {
    const command = await readSettings({ name, usage, options, problems }, argv);
    if (command.kind !== "Run") return answerNoRun(command);
    const { values } = command;
    const check = async (signal: AbortSignal): Promise<readonly Finding[]> => [
      ...(await inAzure(values, signal)),
      ...(await inKubernetes(values, signal)),
    ];
    const findings = await withTimeout(systemClock, LIMIT_MS, check);
    process.stdout.write(values.json ? `${JSON.stringify(findings)}\n` : describeFindings(findings));
    return findings.some(({ verdict }) => verdict === "missing") ? 1 : 0;
  },
};

const usage =
  "azuredisk-csi-driver preflight\n\n" +
  "Signs in to Azure, tries the calls that the driver needs and reads what it needs of Kubernetes, and " +
  "prints each missing item with the command that fixes it. Changes nothing, unless Azure accepts a write " +
  "of this VM that it must refuse: an update without changes then runs, and its end is waited for.";

const problems = (values: Values<typeof options>): Promise<readonly string[]> =>
  wrongSettings(
    () => reachAzure(values, { clock: systemClock }),
    () => (values.withoutKubernetes ? undefined : apiServerConfig(values)),
  );

async function inAzure(values: Values<typeof options>, signal: AbortSignal): Promise<readonly Finding[]> {
  const logger = createPinoLogger({ level: values.logLevel, fields: { role: name } });
  const { arm, place, endpoint, clientId } = await reachAzure(values, { clock: systemClock, logger });
  const instanceUri = await ownVm(values, signal);
  const powersOff = values.silentNodes === "power-off";
  const found = await checkAzure({ arm, place, endpoint, clientId, instanceUri, powersOff }, signal);
  // Without a sign-in, no other call could show anything.
  if (found[0]?.verdict === "missing") return found;
  return [...found, ...(await checkDiskQuotas({ arm, place, clientId }, signal))];
}

async function ownVm(values: Values<typeof options>, signal: AbortSignal): Promise<string | undefined> {
  const given = values.vmResourceId;
  if (given !== undefined) return given;
  const read = await (await metadataService(values)).read(signal);
  return read.ok ? read.value.resourceId : undefined;
}

async function inKubernetes(
  values: Values<typeof options>,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  if (values.withoutKubernetes) return [];
  const connection = await connectKubernetes(values, name, { clock: systemClock, random: systemRandom });
  try {
    return await checkKubernetes(connection.apiClient, values.driverName, signal);
  } finally {
    connection.close();
  }
}
