// A control surface with node-osc: hears at a port of its own, sends from another, as many programs do.
// `node node_surface.cjs PORT`: a JSON list a line in is sent to the bridge, what is heard is a JSON list a line out.
const readline = require('node:readline')
const { Client, Server } = require('node-osc')

const plain = (_, value) => (typeof value === 'bigint' ? Number(value) : value)
const bridge = new Client('127.0.0.1', Number(process.argv[2]))
const hears = new Server(0, '127.0.0.1', () => {
  bridge.send('/punchin/listen', { type: 'f', value: 60 }, { type: 'i', value: hears.port })
})
hears.on('message', (message) => console.log(JSON.stringify(message, plain)))
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  bridge.send(...JSON.parse(line))
})
