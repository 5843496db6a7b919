// The class `ChatWebSocket` as the specification prints it, to be tried as it is: test_other_clients.py.

class ChatWebSocket {
    constructor(url) {
        this.url = url;
        this.ws = null;
        this.reconnectAttempts = 0;
        this.maxReconnectAttempts = 5;
        this.reconnectDelay = 1000;
        this.onMessageCallback = null;
        this.onErrorCallback = null;
        this.onCloseCallback = null;
    }

    connect() {
        try {
            this.ws = new WebSocket(this.url);
            
            this.ws.onopen = () => {
                console.log('WebSocket connected');
                this.reconnectAttempts = 0;
            };

            this.ws.onmessage = (event) => {
                try {
                    const data = JSON.parse(event.data);
                    this.handleMessage(data);
                } catch (error) {
                    console.error('Error parsing WebSocket message:', error);
                }
            };

            this.ws.onerror = (error) => {
                console.error('WebSocket error:', error);
                if (this.onErrorCallback) {
                    this.onErrorCallback(error);
                }
            };

            this.ws.onclose = () => {
                console.log('WebSocket disconnected');
                if (this.onCloseCallback) {
                    this.onCloseCallback();
                }
                this.attemptReconnect();
            };

        } catch (error) {
            console.error('Error creating WebSocket connection:', error);
        }
    }

    handleMessage(data) {
        switch (data.type) {
            case 'chunk':
                // Streaming chunk received
                if (this.onMessageCallback) {
                    this.onMessageCallback({
                        type: 'chunk',
                        chunk: data.chunk,
                        done: data.done,
                        messageId: data.message_id
                    });
                }
                break;
            
            case 'complete':
                // Response complete
                if (this.onMessageCallback) {
                    this.onMessageCallback({
                        type: 'complete',
                        responseId: data.response_id,
                        messageId: data.message_id,
                        conversationData: data.conversation_data,
                        complete: data.complete,
                        needsInfo: data.needs_info,
                        suggestions: data.suggestions
                    });
                }
                break;
            
            case 'error':
                // Error received
                if (this.onErrorCallback) {
                    this.onErrorCallback(new Error(data.error));
                }
                break;
        }
    }

    sendMessage(message, sessionId, visitorId) {
        if (this.ws && this.ws.readyState === WebSocket.OPEN) {
            const payload = {
                type: 'chat_message',
                message: message,
                session_id: sessionId,
                visitor_id: visitorId
            };
            this.ws.send(JSON.stringify(payload));
        } else {
            console.error('WebSocket is not connected');
        }
    }

    attemptReconnect() {
        if (this.reconnectAttempts < this.maxReconnectAttempts) {
            this.reconnectAttempts++;
            setTimeout(() => {
                console.log(`Attempting to reconnect (${this.reconnectAttempts}/${this.maxReconnectAttempts})...`);
                this.connect();
            }, this.reconnectDelay * this.reconnectAttempts);
        }
    }

    close() {
        if (this.ws) {
            this.ws.close();
            this.ws = null;
        }
    }

    setOnMessage(callback) {
        this.onMessageCallback = callback;
    }

    setOnError(callback) {
        this.onErrorCallback = callback;
    }

    setOnClose(callback) {
        this.onCloseCallback = callback;
    }
}
