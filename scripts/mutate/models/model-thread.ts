import { registerHooks } from "node:module";
import { isDeepStrictEqual } from "node:util";
import { serialize } from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import type { Judgement } from "../../../sim/model/judgements.ts";
import { SWITCH_NAME } from "../source/instrument.ts";
import type { ModelAnswer, ModelTask, ModelThreadData, ModelVerdict } from "./model-protocol.ts";

const { judgementsUrl, sources, fileOf, statesMax } = workerData as ModelThreadData;

type Step = (...args: readonly unknown[]) => unknown;

/** A question of a model to the production code, and the answer. */
interface Asked {
  readonly step: Step;
  readonly args: readonly unknown[];
  readonly answer: unknown;
}

const RECORDER_NAME = "__recorded";
const INSTRUMENTED = "?instrumented";
const EXPORTED = /^export (?:function|const) (\w+)/gmu;
/** One answer asks for far fewer switches, unless its loop is endless. */
const SWITCHES_MAX = 1_000_000;

let active: number | undefined;
let switches = 0;
let depth = 0;
let reached = new Set<number>();
/** By the URL of the file, then by the question. */
let asked: Map<string, Map<string, Asked>> | undefined;

Object.assign(globalThis, {
  [SWITCH_NAME]: (id: number): boolean => {
    switches += 1;
    if (switches > SWITCHES_MAX) throw new Error("goes round without an end");
    reached.add(id);
    return id === active;
  },
  [RECORDER_NAME]: (url: string, name: string, step: unknown): unknown =>
    typeof step === "function" ? recorded(url, name, step as Step) : step,
});

function recorded(url: string, name: string, step: Step): Step {
  return (...args) => {
    if (depth === 0) switches = 0;
    depth += 1;
    try {
      const answer = step(...args);
      const ofFile = asked?.get(url);
      if (ofFile !== undefined) {
        const question = name + serialize(args).toString("latin1");
        if (!ofFile.has(question)) ofFile.set(question, { step, args, answer });
      }
      return answer;
    } finally {
      depth -= 1;
    }
  };
}

// A changed file is replaced by a module that forwards to its functions and records the questions.
registerHooks({
  load: (url, context, nextLoad) => {
    const bare = url.endsWith(INSTRUMENTED) ? url.slice(0, -INSTRUMENTED.length) : url;
    const source = sources.get(bare);
    if (source === undefined) return nextLoad(url, context);
    return {
      format: "module-typescript",
      source: bare === url ? passingOn(url, source) : source,
      shortCircuit: true,
    };
  },
});

function passingOn(url: string, source: string): string {
  const own = JSON.stringify(`${url}${INSTRUMENTED}`);
  const names = [...source.matchAll(EXPORTED)].map(([, name = ""]) => name);
  const exported = names.map(
    (name) => `export const ${name} = ${RECORDER_NAME}(${JSON.stringify(url)}, "${name}", own.${name});`,
  );
  return [`import * as own from ${own};`, ...exported].join("\n");
}

const { judgements } = (await import(judgementsUrl)) as { readonly judgements: readonly Judgement[] };

function judge({ model, mutants }: ModelTask, tell: (answer: ModelAnswer) => void): void {
  const judgement = judgements.find(({ name }) => name === model);
  if (judgement === undefined) throw new Error(`there is no model ${model}`);
  reached = new Set();
  asked = new Map([...sources.keys()].map((url) => [url, new Map()]));
  const wrong = judgement.whatIsWrong(statesMax);
  if (wrong !== undefined) throw new Error(`${model} finds what goes wrong without any change: ${wrong}`);
  const known = { asked, reached };
  asked = undefined;
  for (const id of mutants) {
    const questions = known.asked.get(fileOf[id] ?? "");
    tell({
      kind: "verdict",
      id,
      verdict: known.reached.has(id)
        ? verdictOf(judgement, id, [...(questions?.values() ?? [])])
        : { kind: "unasked" },
    });
  }
}

function isAnsweredAsBefore({ step, args, answer }: Asked): boolean {
  switches = 0;
  return isDeepStrictEqual(step(...args), answer);
}

/** If every answer is as before, every state that follows is the same. */
function verdictOf(judgement: Judgement, id: number, questions: readonly Asked[]): ModelVerdict {
  active = id;
  try {
    if (questions.every(isAnsweredAsBefore)) return { kind: "same" };
    const wrong = judgement.whatIsWrong(statesMax);
    return wrong === undefined ? { kind: "passed" } : { kind: "killed", why: wrong };
  } catch (error) {
    return { kind: "killed", why: String(error).split("\n", 1)[0] ?? "" };
  } finally {
    active = undefined;
  }
}

parentPort?.on("message", (task: ModelTask) => {
  const tell = (answer: ModelAnswer): void => parentPort?.postMessage(answer);
  judge(task, tell);
  tell({ kind: "done" });
});
tellReady();

function tellReady(): void {
  parentPort?.postMessage({
    kind: "ready",
    models: judgements.map(({ name }) => name),
  } satisfies ModelAnswer);
}
