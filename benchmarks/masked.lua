-- Point selects with a statement of one's own, whose ? is the id that is looked for: what a masking proxy sends on, sent by hand.

require("oltp_common")

sysbench.cmdline.options.statement = {"Statement to run, with ? for an id", ""}

local lookup, id

function prepare_statements()
   lookup = con:prepare(sysbench.opt.statement)
   id = lookup:bind_create(sysbench.sql.type.INT)
   lookup:bind_param(id)
end

function event()
   for _ = 1, sysbench.opt.point_selects do
      id:set(sysbench.rand.default(1, sysbench.opt.table_size))
      lookup:execute()
   end
end

function thread_done()
   lookup:close()
   con:disconnect()
end
