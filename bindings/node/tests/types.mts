// Never run: `npm run types` checks that programs like this one have the types that types/ says.
import * as wkv7 from 'wkv7';
import { Chat, Model, Sampler, State, Status, Tokenizer, Wkv7Error, type GenerationResult, type Piece } from 'wkv7';

export async function everything(path: string, signal: AbortSignal): Promise<void> {
  using model = await Model.open(path, { backend: 'cpu', slots: 2, signal, onProgress: (done, total) => done < total });
  const layers: number = model.info.layers;
  // @ts-expect-error what is known of a model does not change
  model.info.layers = layers;
  // @ts-expect-error no such option
  await Model.open(path, { colour: 'red' });

  using session = model.session();
  const count: number = await session.feed('Once upon a time', { signal });
  await session.feed([1, 2, count]);
  await session.feed(new Uint32Array(3));
  // @ts-expect-error neither text nor tokens
  await session.feed({});
  const rows: Float32Array[] = await session.feedAll([1, 2]);
  const [top] = await session.feedTop(1, 3);
  const probability: number | undefined = top?.logProbability;
  const hidden: Float32Array = await session.embed([1]);

  const options: wkv7.GenerateOptions = { maxTokens: 5, temperature: 0.5, topP: 0.9, seed: 7n, stop: ['.'], signal };
  await using generation = session.generate('Once', options);
  for await (const piece of generation) {
    const { text, token, logProbability }: Piece = piece;
    process.stdout.write(`${text}${token}${logProbability}`);
  }
  const result: GenerationResult = generation.result;
  if (result.reason === 'maxTokens') {
    const text: string = await session.generate({ sampler: Sampler.greedy() }).text();
    process.stdout.write(text);
  }
  // @ts-expect-error no such reason
  if (result.reason === 'tired') throw new Error();

  const sampler = new Sampler(model, { bias: new Map([[1, -Infinity]]), banned: [2] });
  const token: number = sampler.sample(session) + sampler.sample([0, 1]) + sampler.sample(hidden);
  const seed: bigint = sampler.seed;

  const tokenizer: Tokenizer = await Tokenizer.open('world');
  const tokens: Uint32Array = tokenizer.encode('text');
  for await (const text of tokenizer.decodeStream(tokens)) text.toUpperCase();
  const end: number | null = tokenizer.endOfText;

  const chat = new Chat({ think: 'off', tools: [{ name: 'weather', arguments: [{ name: 'city', type: 'string' }] }] });
  await session.feed(chat.render([{ role: 'user', text: 'Hi' }]) + chat.turn('More'));
  // @ts-expect-error nobody of this role
  chat.render([{ role: 'owl', text: 'Hoo' }]);

  const state: State = await session.state();
  state.setPart('wkv', state.wkv);
  await (await session.fork()).setState(await State.fromBytes(model, await state.toBytes()));

  const batch = model.batch();
  batch.add(session, [1], 'hidden');
  const [first] = await batch.run();
  if (first instanceof Float32Array) first.fill(0);

  await wkv7.logTo((level, message) => process.stdout.write(level + message), 'debug');
  const devices: string[] = (await wkv7.devices()).map((device) => device.name);

  try {
    session.cancel();
  } catch (error) {
    if (error instanceof Wkv7Error && error.status === Status.CANCELLED) error.code.toLowerCase();
  }
  void [rows, probability, token, seed, end, devices];
}
