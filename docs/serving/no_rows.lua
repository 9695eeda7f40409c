-- A filter for Envoy before TensorFlow Serving: refuses gRPC requests with an input of no rows.
--
-- With --enable_batching such a request holds a thread of the server, past its own deadline, until
-- one with rows reaches the same signature; enough of them and the server refuses all by gRPC.
--
--   http_filters:
--   - name: envoy.filters.http.lua
--     typed_config:
--       "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
--       default_source_code: {filename: /etc/envoy/no_rows.lua}
--
-- Envoy holds each request in memory for it: set per_connection_buffer_limit_bytes of the listener
-- to more than the largest request, which is 1 MiB by default.

local PREDICT = "/tensorflow.serving.PredictionService/Predict"
local INVALID_ARGUMENT, UNIMPLEMENTED = "3", "12"
local FRAME = 5 -- Bytes before a gRPC message: whether it is compressed, and its length.

local function read_varint(bytes, at)
  local value, unit = 0, 1
  repeat
    local byte = assert(string.byte(bytes, at), "cut short")
    value, unit, at = value + byte % 128 * unit, unit * 128, at + 1
  until byte < 128
  return value, at
end

-- Calls visit(number, first, last) for each field that has a length, and visit(number, nil, value)
-- for each number.
local function each_field(bytes, at, last, visit)
  while at <= last do
    local key, value
    key, at = read_varint(bytes, at)
    local number, kind = math.floor(key / 8), key % 8
    if kind == 0 then
      value, at = read_varint(bytes, at)
      visit(number, nil, value)
    elseif kind == 2 then
      value, at = read_varint(bytes, at)
      visit(number, at, at + value - 1)
      at = at + value
    else
      assert(kind == 1 or kind == 5, "no protobuf")
      at = at + (kind == 1 and 8 or 4)
    end
  end
end

-- Calls visit(first, last) for each message in field `wanted` of the message from first to last.
local function each_message(bytes, first, last, wanted, visit)
  each_field(bytes, first, last, function(number, start, stop)
    if number == wanted and start then
      visit(start, stop)
    end
  end)
end

-- PredictRequest.inputs (2), a map whose value (2) is a TensorProto: its tensor_shape (2) has a dim
-- (2) for each dimension, whose size (1) is left out where it is 0.
local function has_input_of_no_rows(bytes, first, last)
  local found = false
  each_message(bytes, first, last, 2, function(entry, entry_end)
    each_message(bytes, entry, entry_end, 2, function(tensor, tensor_end)
      each_message(bytes, tensor, tensor_end, 2, function(shape, shape_end)
        local num_rows = nil
        each_message(bytes, shape, shape_end, 2, function(dim, dim_end)
          local size = 0
          each_field(bytes, dim, dim_end, function(number, start, value)
            size = (number == 1 and not start) and value or size
          end)
          num_rows = num_rows or size
        end)
        found = found or num_rows == 0
      end)
    end)
  end)
  return found
end

local function refuse(handle, status, message)
  handle:respond({
    [":status"] = "200",
    ["content-type"] = "application/grpc",
    ["grpc-status"] = status,
    ["grpc-message"] = message,
  }, "")
end

function envoy_on_request(handle)
  if handle:headers():get(":path") ~= PREDICT then
    return
  end
  local body = handle:body()
  local length = body and body:length() or 0
  if length <= FRAME then
    return
  end
  local bytes = body:getBytes(0, length)
  if string.byte(bytes, 1) ~= 0 then
    refuse(handle, UNIMPLEMENTED, "send the request without compression")
    return
  end
  local is_read, is_empty = pcall(has_input_of_no_rows, bytes, FRAME + 1, length)
  if is_read and is_empty then -- What cannot be read the server refuses by itself.
    refuse(handle, INVALID_ARGUMENT, "an input has no rows")
  end
end
