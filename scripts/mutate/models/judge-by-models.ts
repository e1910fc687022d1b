import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { instrument } from "../source/instrument.ts";
import type { Mutant } from "../source/mutant.ts";
import type { ModelAnswer, ModelTask, ModelThreadData, ModelVerdict } from "./model-protocol.ts";

/** The mutants for the models to judge. */
export interface ModelRequest {
  readonly root: string;
  /** The module that exports `judgements`, relative to the project. */
  readonly judgements: string;
  /** Sources of the files with mutants, by their path. */
  readonly sources: ReadonlyMap<string, string>;
  readonly mutants: readonly Mutant[];
  /** How many states of each model are explored, nearest first. */
  readonly statesMax: number;
  readonly threads: number;
  readonly onProgress: (what: string, done: number, all: number) => void;
}

/** Each model's verdict on each mutant, by the model's name. */
export type ByModel = ReadonlyMap<string, ReadonlyMap<Mutant, ModelVerdict>>;

/** Lets each model judge every mutant, each model in a thread of its own. */
export async function judgeByModels({
  root,
  judgements,
  sources,
  mutants,
  statesMax,
  threads,
  onProgress,
}: ModelRequest): Promise<ByModel> {
  const rootUrl = `${pathToFileURL(root).href.replace(/\/$/u, "")}/`;
  const urlOf = (file: string): string => new URL(file, rootUrl).href;
  const numbered = mutants.map((mutant, id) => ({ id, mutant }));
  const changed = [...Map.groupBy(numbered, ({ mutant }) => mutant.file)];
  const data: ModelThreadData = {
    judgementsUrl: urlOf(judgements),
    sources: new Map(
      changed.map(([file, ofFile]) => [urlOf(file), instrument(sources.get(file) ?? "", ofFile)]),
    ),
    fileOf: mutants.map(({ file }) => urlOf(file)),
    statesMax,
  };
  const byModel = new Map<string, Map<Mutant, ModelVerdict>>();
  const first = await startThread(data);
  const waiting = [...first.models];
  const work = async ({ judge, end }: ModelThread): Promise<void> => {
    for (let model = waiting.shift(); model !== undefined; model = waiting.shift()) {
      const name = model;
      const own = new Map<Mutant, ModelVerdict>();
      byModel.set(name, own);
      await judge({ model: name, mutants: mutants.map((_, id) => id) }, (id, verdict) => {
        const mutant = mutants[id];
        if (mutant !== undefined) own.set(mutant, verdict);
        onProgress(name, own.size, mutants.length);
      });
    }
    await end();
  };
  const others = Array.from({ length: Math.min(threads, first.models.length) - 1 }, () =>
    startThread(data).then(work),
  );
  await Promise.all([work(first), ...others]);
  return byModel;
}

interface ModelThread {
  readonly models: readonly string[];
  readonly judge: (task: ModelTask, onVerdict: (id: number, verdict: ModelVerdict) => void) => Promise<void>;
  readonly end: () => Promise<unknown>;
}

function startThread(data: ModelThreadData): Promise<ModelThread> {
  const worker = new Worker(new URL("model-thread.ts", import.meta.url), { workerData: data });
  const { promise, resolve, reject } = Promise.withResolvers<ModelThread>();
  let done = Promise.withResolvers<void>();
  let onVerdict: (id: number, verdict: ModelVerdict) => void = () => undefined;
  const judge: ModelThread["judge"] = async (task, tell) => {
    done = Promise.withResolvers<void>();
    onVerdict = tell;
    worker.postMessage(task);
    await done.promise;
  };
  worker.on("message", (answer: ModelAnswer) => {
    if (answer.kind === "ready") resolve({ models: answer.models, judge, end: () => worker.terminate() });
    else if (answer.kind === "verdict") onVerdict(answer.id, answer.verdict);
    else done.resolve();
  });
  worker.on("error", (error) => {
    reject(error);
    done.reject(error);
  });
  return promise;
}
