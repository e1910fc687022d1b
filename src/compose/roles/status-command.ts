import { listKeptIn } from "../../adapters/kubernetes/list-kept.ts";
import { systemClock } from "../../adapters/system/system-clock.ts";
import { systemRandom } from "../../adapters/system/system-random.ts";
import { grouped, type Values } from "../../cli/options.ts";
import { answerNoRun, refusal } from "../../cli/read-command-line.ts";
import { messageOf } from "../../core/failure/message-of.ts";
import { withTimeout } from "../../runtime/with-timeout.ts";
import { checkStore, connectStore, storeOptions } from "../connect/connect-store.ts";
import { readSettings } from "../settings/read-settings.ts";
import { wrongSettings } from "../settings/wrong-setting.ts";
import { keptOf, NoSuchVolume, readReports } from "../status/read-reports.ts";
import { describeVolume } from "../status/volume-report.ts";

const name = "status";
/** For all reads together, in milliseconds. */
const LIMIT_MS = 60_000;

const options = {
  ...storeOptions,
  ...grouped("Status", {
    output: {
      kind: "choice",
      default: "text",
      choices: ["text", "json"],
      help: "json: how many volumes are not fine, and the objects themselves, to attach to a report",
    },
  }),
} as const;

/** Prints what the driver's objects say of volumes. Only reads. */
export const statusCommand = {
  name,
  options,
  /**
   * Returns 0 if each volume that was asked for is fine, 1 if one is not or no controller leads, 2 if none
   * was found, and 3 if the objects could not be read.
   */
  run: async (argv: readonly string[]): Promise<number> => {
    const command = await readSettings({ name, usage, options, words: "any", problems }, argv);
    if (command.kind !== "Run") return answerNoRun(command);
    const { values, words } = command;
    const [sought, further] = words;
    if (further !== undefined)
      return answerNoRun(refusal(`azuredisk-csi-driver ${name}`, [`${further}: expected one volume`]));
    const connection = await connectStore(values, name, { clock: systemClock, random: systemRandom });
    const { store, apiClient: client } = connection;
    try {
      const { namespace } = values;
      const listKept = client === undefined ? keptOf(store) : listKeptIn(client, namespace);
      const sources = { store, listKept, client, namespace, clock: systemClock };
      const { reports, count, notFine, controller } = await withTimeout(systemClock, LIMIT_MS, (signal) =>
        readReports(sources, sought, signal),
      );
      if (sought !== undefined && reports.length === 0)
        throw new NoSuchVolume(`${sought}: the driver has no such volume`);
      const omitted = sought === undefined ? notFine - reports.length : 0;
      const all = { controller, volumes: count, notFine, omitted, reports };
      const text = [
        ...reports.map(describeVolume),
        ...(omitted > 0 ? [`${omitted} further volumes are not shown: name one to see it`] : []),
        `${notFine} of ${count} volumes are not fine; controller: ${controller.detail}`,
      ];
      process.stdout.write(
        `${values.output === "json" ? JSON.stringify(all, undefined, 2) : text.join("\n\n")}\n`,
      );
      return notFine === 0 && controller.leads !== false ? 0 : 1;
    } catch (error) {
      process.stderr.write(`${messageOf(error)}\n`);
      return error instanceof NoSuchVolume ? 2 : 3;
    } finally {
      connection.close();
    }
  },
};

const usage =
  "azuredisk-csi-driver status [<namespace>/<claim> | <PersistentVolume> | <disk's resource id>]\n\n" +
  "Prints disk, writer record, attachments, conditions, failures and events of one volume; without a name, " +
  "of each volume that is not fine. Reads the driver's objects, and changes nothing.";

const problems = (values: Values<typeof options>): Promise<readonly string[]> =>
  wrongSettings(() => checkStore(values));
