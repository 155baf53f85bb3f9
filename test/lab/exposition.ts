/** Reads Prometheus' text format, strictly: whatever the format does not allow throws. */

export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

export interface Family {
  help: string
  type: string
  samples: Sample[]
}

const word = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const label = `[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"`
const sampleLine = new RegExp(`^(${word})(?:\\{((?:${label},?)*)\\})? (\\S+)$`)
/** What the samples of a family may be called beside its own name. */
const endings: Record<string, string[]> = { histogram: ['_bucket', '_sum', '_count'] }

/** By their names. Each has HELP and TYPE, before its samples, which stand together. */
export function readExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, Family>()
  let help: { name: string; text: string } | undefined
  let current: { name: string; family: Family } | undefined
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, comment, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? []
    if (comment === 'HELP') help = { name, text: rest }
    else if (comment === 'TYPE') {
      if (help?.name !== name) throw new Error(`${name} has no HELP`)
      if (families.has(name)) throw new Error(`${name} comes twice`)
      current = { name, family: { help: help.text, type: rest, samples: [] } }
      families.set(name, current.family)
    } else {
      const sample = readSample(line)
      const names = current && (endings[current.family.type] ?? ['']).map((end) => current!.name + end)
      if (!names?.includes(sample.name)) throw new Error(`${sample.name} has no TYPE before it`)
      current!.family.samples.push(sample)
    }
  }
  return families
}

function readSample(line: string): Sample {
  const [, name, labels = '', value] = sampleLine.exec(line) ?? []
  if (name === undefined) throw new Error(`not a sample: ${line}`)
  const pairs = labels.matchAll(new RegExp(`(${word})="((?:[^"\\\\]|\\\\.)*)"`, 'g'))
  const number = value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value)
  if (Number.isNaN(number)) throw new Error(`not a number: ${line}`)
  return { name, labels: Object.fromEntries([...pairs].map(([, key, text]) => [key, text])), value: number }
}

/** The value with exactly these labels; undefined when there is none. */
export function sampleOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number | undefined {
  const wanted = Object.entries(labels)
  return families
    .get(name)
    ?.samples.find(
      (each) =>
        Object.keys(each.labels).length === wanted.length &&
        wanted.every(([key, value]) => each.labels[key] === value),
    )?.value
}
